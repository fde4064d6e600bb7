import { add, broadcastTo, concat, expandDims, gather, iota, reshape, slice, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { adjustLogits } from './adjust-logits.ts';
import { choiceColumns, choiceOf, column } from './choice.ts';
import type { DeviceSampler } from './device-sampler.ts';
import type { DeviceSampling } from './device-sampling.ts';
import { greedyChoice } from './greedy-choice.ts';
import { sampledChoice } from './sampled-choice.ts';

/** What was chosen after each of several tokens. */
export interface ChosenTokens {
  /** `[B, n]`, i32 */
  readonly ids: Tensor;
  /** Status of each choice, `[B, n]`, i32. */
  readonly statuses: Tensor;
  /** The marks of a text that goes on after so many of the tokens behind the first, `[B]`; absent: choices are not adjusted. */
  readonly marksAfter?: (count: Tensor) => Tensor;
}

/**
 * Records the choice after each of n tokens that follow each other, as `chooseToken` makes them one after another: each counts the
 * tokens up to it as said, and draws the number of its place.
 * @param logits - after each token, `[B, n, V]`
 * @param tokens - `[B, n]`, i32; the first of them is the last choice
 * @param sampler - `choice` says how many were chosen, the first token among them
 */
export function chooseTokens(
  logits: Tensor,
  tokens: Tensor,
  sampler: DeviceSampler,
  { sampled, adjusted }: DeviceSampling,
): ChosenTokens {
  const [B, n, V] = logits.shape as [number, number, number];
  const flat = reshape(logits, [B * n, V]);
  const before = reshape(add(column(sampler.choice, 2), iota([B, n], 1)), [B * n, 1]);
  const last = choiceOf(reshape(tokens, [B * n, 1]), zeros([B * n, 1], 'i32'), before);
  const values: Tensor[] = [];
  const marks: Tensor[] = [];
  if (adjusted)
    for (let place = 0; place < n; place++) {
      const choice = reshape(slice(reshape(last, [B, n, choiceColumns]), 1, place, place + 1), [B, choiceColumns]);
      const made = adjustLogits(reshape(slice(logits, 1, place, place + 1), [B, V]), {
        ...sampler,
        choice,
        marks: marks.at(-1) ?? sampler.marks,
      });
      values.push(expandDims(made.logits, 1));
      marks.push(made.marks);
    }
  const among = adjusted ? reshape(concat(values, 1), [B * n, V]) : flat;
  const perPlace = (setting: Tensor): Tensor => {
    const columns = setting.shape[1]!;
    return reshape(broadcastTo(expandDims(setting, 1), [B, n, columns]), [B * n, columns]);
  };
  const chosen = sampled
    ? sampledChoice(among, flat, last, {
        reals: perPlace(sampler.settings!.reals),
        words: perPlace(sampler.settings!.words),
      })
    : greedyChoice(among, flat, last);
  return {
    ids: reshape(column(chosen, 0), [B, n]),
    statuses: reshape(column(chosen, 1), [B, n]),
    ...(adjusted && {
      marksAfter: (count: Tensor) =>
        n === 1
          ? marks[0]!
          : reshape(
              gather(
                concat(
                  marks.map((each) => expandDims(each, 1)),
                  1,
                ),
                expandDims(count, 1),
                { batchDims: 1 },
              ),
              [B, V],
            ),
    }),
  };
}
