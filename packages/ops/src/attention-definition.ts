import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  and,
  concat,
  div,
  expandDims,
  greater,
  greaterEqual,
  iota,
  less,
  lessEqual,
  matmul,
  mul,
  or,
  permute,
  reshape,
  slice,
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
  /** Slots from the first that are met by queries of their own, given as the next input, at any distance. 0: none. */
  readonly pinned: number;
  /** True when a logit of each head is given as the last input: that of a key without a value. */
  readonly sinks: boolean;
}

/** Inputs of attention by their names. */
export interface AttentionInputs<T> {
  readonly q: T;
  readonly k: T;
  readonly v: T;
  readonly queryPositions: T;
  readonly keyPositions: T;
  readonly mask: T | undefined;
  readonly pinnedQuery: T | undefined;
  readonly sinks: T | undefined;
}

/** Inputs by name. */
export function namedInputs<T>(
  inputs: readonly T[],
  { masked, pinned, sinks }: Pick<AttentionAttributes, 'masked' | 'pinned' | 'sinks'>,
): AttentionInputs<T> {
  const [q, k, v, queryPositions, keyPositions, ...rest] = inputs as [T, T, T, T, T, ...T[]];
  return {
    q,
    k,
    v,
    queryPositions,
    keyPositions,
    mask: masked ? rest.shift() : undefined,
    pinnedQuery: pinned > 0 ? rest.shift() : undefined,
    sinks: sinks ? rest.shift() : undefined,
  };
}

/**
 * Attention from simpler ops. Inputs: queries, keys, values, positions of both, and what else the attributes say.
 * @param onWeights - what becomes of the weights `[B, G, H / G, n, S]` before values are summed
 */
export function attentionDefinition(
  inputs: readonly Tensor[],
  attributes: AttentionAttributes,
  onWeights: (weights: Tensor) => Tensor = (weights) => weights,
): readonly Tensor[] {
  const { scale, causal, window, softCap, pinned } = attributes;
  const { q, k, v, queryPositions, keyPositions, mask, pinnedQuery, sinks } = namedInputs(inputs, attributes);
  const [B, n, H, K] = q.shape as [number, number, number, number];
  const [, S, G] = k.shape as [number, number, number];
  const V = v.shape[3]!;
  const R = H / G;
  const keys = permute(k, [0, 2, 3, 1]);
  const meet = (queries: Tensor, some: Tensor): Tensor =>
    matmul(reshape(permute(queries, [0, 2, 1, 3]), [B, G, R * n, K]), some); // heads of one group are neighbours
  const dots = pinnedQuery
    ? concat([meet(pinnedQuery, slice(keys, -1, 0, pinned)), meet(q, slice(keys, -1, pinned))], 3)
    : meet(q, keys);
  let scores = mul(dots, scale); // [B, G, R · n, S]
  if (softCap > 0) scores = mul(tanh(div(scores, softCap)), softCap);
  const [qp, kp] = [expandDims(queryPositions, 2), expandDims(keyPositions, 1)];
  let visible = greaterEqual(kp, 0);
  if (causal) visible = and(visible, lessEqual(kp, qp));
  if (window > 0) {
    let near = greater(kp, sub(qp, window));
    if (!causal) near = and(near, greater(add(qp, window), kp));
    if (pinned > 0) near = or(near, less(iota([1, 1, S], 2), pinned));
    visible = and(visible, near);
  }
  if (mask) visible = and(visible, mask);
  const weights = maskedSoftmax(
    reshape(scores, [B, G, R, n, S]),
    reshape(visible, [B, 1, 1, ...visible.shape.slice(1)]),
    sinks && reshape(sinks, [1, G, R, 1, 1]),
  );
  const o = matmul(reshape(onWeights(weights), [B, G, R * n, S]), permute(v, [0, 2, 1, 3])); // [B, G, R · n, V]
  return [transpose(reshape(o, [B, H, n, V]), 1, 2)];
}
