import type { LanguageModelGraph } from '@tessera/assembler';
import type { Links } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  and,
  asTensor,
  cast,
  div,
  equal,
  fromHost,
  greater,
  maximum,
  mean,
  slice,
  sum,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { ByPath } from '../optimizers/update-rule.ts';

/** Inputs of a batch on the device. */
export interface BatchTensors {
  /** `[B, T + 1]`, i32 */
  readonly tokens: Tensor;
  /** `[B, T + 1]`, i32 */
  readonly segments?: Tensor | undefined;
  /** `[B, T + 1]`, i32: 0 for tokens that are not predicted. */
  readonly targets?: Tensor | undefined;
  /** Key of random numbers, `[2]`, u32; absent outside of training. */
  readonly random?: Tensor | undefined;
}

/** What the loss of a batch is made of. */
export interface BatchLoss {
  /** Mean of −ln p of the next token over the tokens that count, a scalar; of an adapter whatever it learns. */
  readonly loss: Tensor;
  /** How many tokens count, a scalar. */
  readonly count: Tensor;
  /** What is minimised: with auxiliary losses of layers. */
  readonly objective: Tensor;
  /** Of each token, `[B, T]`. */
  readonly losses: Tensor;
  /** The residual stream before each layer, `N.x`. */
  readonly links: Links;
}

/**
 * Records the loss of predicting each token from those before it. Where documents are kept apart, the first token of one is
 * predicted by nothing, and does not count; nor does what is no target.
 */
export function nextTokenLoss(
  graph: LanguageModelGraph,
  params: ByPath,
  { tokens, segments, targets, random }: BatchTensors,
): BatchLoss {
  const [B, length] = tokens.shape as readonly [number, number];
  const T = length - 1;
  const batch = {
    tokens: slice(tokens, 1, 0, T),
    starts: zeros([B], 'i32'),
    lengths: fromHost(new Int32Array(B).fill(T), [B]),
    ...(segments && { segments: slice(segments, 1, 0, T) }),
    ...(random && { random, training: true }),
  };
  const { loss: losses, links, aux } = graph.loss(params, batch, slice(tokens, 1, 1));
  const objectiveOf = (loss: Tensor): Tensor => (aux ? add(loss, aux) : loss);
  const counting = [
    ...(segments ? [equal(slice(segments, 1, 0, T), slice(segments, 1, 1))] : []),
    ...(targets ? [greater(slice(targets, 1, 1), 0)] : []),
  ];
  if (counting.length === 0) {
    const loss = mean(losses);
    return { loss, count: asTensor(B * T), objective: objectiveOf(loss), losses, links };
  }
  const counts = counting.reduce((a, b) => and(a, b));
  const count = maximum(sum(cast(counts, 'f32')), 1);
  const loss = div(sum(where(counts, losses, 0)), count);
  return { loss, count, objective: objectiveOf(loss), losses, links };
}
