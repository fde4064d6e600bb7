import type { Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  abs,
  and,
  apply1,
  argmax,
  cast,
  cumsum,
  div,
  equal,
  exp,
  expandDims,
  gather,
  greater,
  greaterEqual,
  iota,
  less,
  lessEqual,
  max,
  maximum,
  min,
  mul,
  or,
  scatterSet,
  showShape,
  sort,
  sub,
  sum,
  where,
  zeros,
} from '@tessera/tensor-core';
import { column } from './choice.ts';
import { reals, wholeShare, words } from './device-sampler.ts';
import { checked, choiceType, usable } from './greedy-choice.ts';
import { sampledKernel } from './sampled-choice.wgsl.ts';
import { threefryWord } from './threefry-words.ts';

const largest = 3.4028234663852886e38;

/**
 * Op: one token of each row by temperature, top-k, top-p, min-p, typical-p and seed, as `selectToken` chooses it. Inputs:
 * values `[B, V]`; logits `[B, V]` of the model before any option, only looked at for what is no number; the last choice
 * `[B, 3]`; settings `[B, 5]` (f32) and `[B, 6]` (u32). Output: the next choice `[B, 3]`. The definition sorts; the kernel
 * does not.
 */
const sampledChoiceOp: Op<Record<never, never>> = {
  id: '@tessera/sampling:sampled-choice',
  infer(inputs) {
    const type = choiceType('sampledChoice', inputs);
    const [B] = type.shape;
    const expected = [`${B},${Object.keys(reals).length}`, `${B},${Object.keys(words).length}`];
    const given = inputs.slice(3);
    if (given.map(({ shape }) => shape.join()).join(' ') !== expected.join(' '))
      throw new ShapeError(
        `sampledChoice: settings are ${given.map(({ shape }) => showShape(shape)).join(' and ')}, expected [${expected.join('] and [')}].`,
      );
    return [type];
  },
  definition([values, logits, last, numbers, integers]) {
    const setting = (name: keyof typeof reals): Tensor => column(numbers!, reals[name]);
    const word = (name: keyof typeof words): Tensor => column(integers!, words[name]);
    const share = (name: 'topP' | 'typicalP'): Tensor =>
      where(equal(word(name), wholeShare), 2, mul(cast(word(name), 'f32'), 2 ** -32)); // above any rounding of the whole
    const possible = usable(values!);
    const finite = where(possible, values!, -largest);
    // Logarithm of a candidate's weight; that of the largest value is 0.
    const logs = maximum(div(sub(finite, max(finite, { axis: 1, keepDims: true })), setting('temperature')), -1e30);
    let kept = and(possible, greaterEqual(finite, topKLimit(finite, word('topK'))));
    kept = topP({ finite, logs, kept, p: share('topP') });
    kept = and(kept, greaterEqual(logs, setting('leastLog')));
    kept = typicalP({ logs, kept, p: share('typicalP') });
    const counter = cast(column(last!, 2), 'u32');
    const u = mul(cast(threefryWord(word('key0'), word('key1'), counter), 'f32'), 2 ** -32);
    return [checked(values!, logits!, last!, drawn(where(kept, exp(logs), 0), u))];
  },
  kernels: [sampledKernel],
};

/** See {@link sampledChoiceOp}. */
export function sampledChoice(
  values: Tensor,
  logits: Tensor,
  last: Tensor,
  settings: { readonly reals: Tensor; readonly words: Tensor },
): Tensor {
  return apply1(sampledChoiceOp, [values, logits, last, settings.reals, settings.words], {});
}

/** The k-th largest value of each row, `[B, 1]`; the lowest number when that is all of them. */
function topKLimit(values: Tensor, k: Tensor): Tensor {
  const V = values.shape[1]!;
  const all = or(equal(k, 0), greaterEqual(k, V));
  const place = sub(where(all, 1, cast(k, 'i32')), 1);
  const { values: sorted } = sort(values, { descending: true });
  return where(all, -largest, gather(sorted, place, { batchDims: 1 }));
}

interface Narrowing {
  /** Logarithms of weights, `[B, V]`. */
  readonly logs: Tensor;
  readonly kept: Tensor;
  /** `[B, 1]` */
  readonly p: Tensor;
}

/** The most likely ones until their weights reach p of the whole. */
function topP({ finite, logs, kept, p }: Narrowing & { readonly finite: Tensor }): Tensor {
  const { indices } = sort(finite, { descending: true });
  const weights = gather(where(kept, exp(logs), 0), indices, { batchDims: 1 });
  const before = cumsum(weights, 1, { exclusive: true });
  const needed = less(before, mul(p, sum(weights, { axis: 1, keepDims: true })));
  const stays = or(needed, equal(iota(before.shape, 1), 0));
  const none = zeros(before.shape, 'i32');
  return and(kept, greater(scatterSet(none, indices, where(stays, 1, none), { batchDims: 1 }), 0));
}

/** Those whose surprise is nearest to the entropy: the distance of log w from its mean is that of the surprise. */
function typicalP({ logs, kept, p }: Narrowing): Tensor {
  const weights = where(kept, exp(logs), 0);
  const total = sum(weights, { axis: 1, keepDims: true });
  const mean = div(sum(mul(weights, logs), { axis: 1, keepDims: true }), total);
  const distance = where(kept, abs(sub(logs, mean)), largest);
  const { values: sorted, indices } = sort(distance);
  const until = cumsum(gather(weights, indices, { batchDims: 1 }), 1);
  const reached = greaterEqual(until, mul(p, total));
  const farthest = min(where(reached, sorted, largest), { axis: 1, keepDims: true });
  return and(kept, lessEqual(distance, farthest));
}

/** The first id `[B, 1]` at which the running sum of weights passes u times their sum; none of weight 0. */
function drawn(weights: Tensor, u: Tensor): Tensor {
  const passed = greater(cumsum(weights, 1), mul(u, sum(weights, { axis: 1, keepDims: true })));
  const possible = greater(weights, 0);
  const first = argmax(cast(and(passed, possible), 'f32'), { axis: 1 });
  const last = max(where(possible, iota(weights.shape, 1), 0), { axis: 1, keepDims: true });
  const any = max(cast(and(passed, possible), 'f32'), { axis: 1, keepDims: true });
  return where(greater(any, 0), expandDims(first, 1), last);
}
