import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  and,
  div,
  expandDims,
  greater,
  greaterEqual,
  lessEqual,
  matmul,
  mul,
  permute,
  reshape,
  sub,
  tanh,
  transpose,
} from '@tessera/tensor-core';
import { maskedSoftmax } from './softmax.ts';

/** Attributes of attention. */
export interface AttentionAttributes {
  /** Factor of the dot products. */
  readonly scale: number;
  /** Keys of later positions are hidden. */
  readonly causal: boolean;
  /** A query sees keys at a distance below this, in both directions where it is not causal. 0: no limit. */
  readonly window: number;
  /** c: scores become c · tanh(score / c). 0: as they are. */
  readonly softCap: number;
  /** True when a mask is given as sixth input. */
  readonly masked: boolean;
}

/**
 * Attention from simpler ops. Inputs: queries, keys, values, positions of both, and a mask where there is one.
 * @param onWeights - what becomes of the weights `[B, G, H / G, n, S]` before values are summed
 */
export function attentionDefinition(
  [q, k, v, qPositions, kPositions, mask]: readonly Tensor[],
  { scale, causal, window, softCap }: AttentionAttributes,
  onWeights: (weights: Tensor) => Tensor = (weights) => weights,
): readonly Tensor[] {
  const [B, n, H, K] = q!.shape as [number, number, number, number];
  const [, S, G] = k!.shape as [number, number, number];
  const V = v!.shape[3]!;
  const R = H / G;
  const queries = reshape(permute(q!, [0, 2, 1, 3]), [B, G, R * n, K]); // heads of one group are neighbours
  let scores = mul(matmul(queries, permute(k!, [0, 2, 3, 1])), scale); // [B, G, R · n, S]
  if (softCap > 0) scores = mul(tanh(div(scores, softCap)), softCap);
  const [qp, kp] = [expandDims(qPositions!, 2), expandDims(kPositions!, 1)];
  let visible = greaterEqual(kp, 0);
  if (causal) visible = and(visible, lessEqual(kp, qp));
  if (window > 0) {
    visible = and(visible, greater(kp, sub(qp, window)));
    if (!causal) visible = and(visible, greater(add(qp, window), kp));
  }
  if (mask) visible = and(visible, mask);
  const weights = maskedSoftmax(
    reshape(scores, [B, G, R, n, S]),
    reshape(visible, [B, 1, 1, ...visible.shape.slice(1)]),
  );
  const o = matmul(reshape(onWeights(weights), [B, G, R * n, S]), permute(v!, [0, 2, 1, 3])); // [B, G, R · n, V]
  return [transpose(reshape(o, [B, H, n, V]), 1, 2)];
}
