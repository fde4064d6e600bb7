import type { CpuKernel, HostView, Op, Tensor, TensorType } from '@tessera/tensor-core';
import { ShapeError, apply1, sameShape, showShape, sizeOf } from '@tessera/tensor-core';
import { attentionDefinition, namedInputs } from './attention-definition.ts';
import type { AttentionAttributes } from './attention-definition.ts';
import { attentionGradient } from './attention-gradient.ts';
import { decodeAttentionKernel } from './attention-decode.wgsl.ts';
import { prefillAttentionKernel } from './attention-prefill.wgsl.ts';
import { dropout } from './dropout.ts';
import type { Dropout } from './dropout.ts';
import { tilesAttentionKernel } from './attention-tiles.wgsl.ts';

const kernel: CpuKernel<AttentionAttributes> = {
  backend: 'cpu',
  name: 'loops over visible keys',
  // Many queries at once are faster as products of matrices.
  when: ({ inputs: [q] }) => q!.shape[1]! < 32,
  run({ inputs, outputs: [o], attributes }) {
    const { scale, causal, window, softCap, pinned } = attributes;
    const { q, k, v, queryPositions, keyPositions, mask, pinnedQuery, sinks } = namedInputs(inputs, attributes);
    const [B, n, H, K] = q.shape as [number, number, number, number];
    const [, S, G] = k.shape as [number, number, number];
    const V = v.shape[3]!;
    const repeat = H / G;
    const visible = new Int32Array(S);
    const weights = new Float64Array(S);
    const sum = new Float64Array(V);
    for (let b = 0; b < B; b++)
      for (let i = 0; i < n; i++) {
        const position = queryPositions.data[queryPositions.offset + b * n + i]!;
        let count = 0;
        let first = 0; // of the visible slots, those that are pinned
        for (let s = 0; s < S; s++) {
          const at = keyPositions.data[keyPositions.offset + b * S + s]!;
          if (at < 0 || (causal && at > position)) continue;
          if (s >= pinned && window > 0 && Math.abs(position - at) >= window) continue;
          if (mask && !mask.data[mask.offset + (b * n + i) * S + s]) continue;
          if (s < pinned) first++;
          visible[count++] = s;
        }
        for (let h = 0; h < H; h++) {
          const group = b * S * G + Math.floor(h / repeat);
          const row = (b * n + i) * H + h;
          const keys = { data: k.data, first: k.offset + group * K, stride: G * K, K };
          if (pinnedQuery) scoresOf(weights, visible, 0, first, pinnedQuery.data, pinnedQuery.offset + row * K, keys);
          scoresOf(weights, visible, first, count, q.data, q.offset + row * K, keys);
          const sink = sinks ? sinks.data[sinks.offset + h]! : -Infinity;
          let top = sink;
          for (let c = 0; c < count; c++) {
            const score = weights[c]! * scale;
            weights[c] = softCap > 0 ? softCap * Math.tanh(score / softCap) : score;
            if (weights[c]! > top) top = weights[c]!;
          }
          let total = sinks ? Math.exp(sink - top) : 0;
          for (let c = 0; c < count; c++) total += weights[c] = Math.exp(weights[c]! - top);
          weightedSum(sum, weights, visible, count, v.data, v.offset + group * V, G * V, V);
          for (let d = 0; d < V; d++) o!.data[row * V + d] = count === 0 ? 0 : sum[d]! / total;
        }
      }
  },
};

type Data = HostView['data'];

/** Where the keys of one group lie: that of a slot is `K` elements from `first + slot · stride` on. */
interface GroupKeys {
  readonly data: Data;
  readonly first: number;
  readonly stride: number;
  readonly K: number;
}

/** Dot products of one query with the keys of the visible slots number `from` … `to` − 1. */
function scoresOf(
  scores: Float64Array,
  slots: Int32Array,
  from: number,
  to: number,
  q: Data,
  query: number,
  { data, first, stride, K }: GroupKeys,
): void {
  for (let c = from; c < to; c++) {
    const key = first + slots[c]! * stride;
    let score = 0;
    for (let d = 0; d < K; d++) score += q[query + d]! * data[key + d]!;
    scores[c] = score;
  }
}

/** Sum of the values of the visible slots by weight. */
function weightedSum(
  sum: Float64Array,
  weights: Float64Array,
  slots: Int32Array,
  count: number,
  v: Data,
  first: number,
  stride: number,
  V: number,
): void {
  sum.fill(0);
  for (let c = 0; c < count; c++) {
    const value = first + slots[c]! * stride;
    const weight = weights[c]!;
    for (let d = 0; d < V; d++) sum[d]! += weight * v[value + d]!;
  }
}

function isOf(type: TensorType, dtype: TensorType['dtype'], shape: readonly number[]): boolean {
  return type.dtype === dtype && sameShape(type.shape, shape);
}

/** Op: softmax attention with positions as data. See {@link attention}. */
export const attentionOp: Op<AttentionAttributes> = {
  id: '@tessera/ops:attention',
  infer(inputs, attributes) {
    const { q, k, v, queryPositions, keyPositions, mask, pinnedQuery, sinks } = namedInputs(inputs, attributes);
    const [B, n] = q.shape;
    const S = k.shape[1];
    const fits =
      q.shape.length === 4 &&
      k.shape.length === 4 &&
      v.shape.length === 4 &&
      q.shape[3] === k.shape[3] &&
      q.shape[0] === k.shape[0] &&
      k.shape[1] === v.shape[1] &&
      k.shape[2] === v.shape[2] &&
      q.shape[2]! % k.shape[2]! === 0 &&
      isOf(queryPositions, 'i32', [B!, n!]) &&
      isOf(keyPositions, 'i32', [B!, S!]) &&
      (!mask || isOf(mask, 'bool', [B!, n!, S!])) &&
      (!pinnedQuery || (isOf(pinnedQuery, q.dtype, q.shape) && attributes.pinned <= S!)) &&
      (!sinks || isOf(sinks, 'f32', [q.shape[2]!]));
    if (!fits)
      throw new ShapeError(
        `attention: q ${showShape(q.shape)}, k ${showShape(k.shape)}, v ${showShape(v.shape)}, positions ${queryPositions.dtype}${showShape(queryPositions.shape)} and ${keyPositions.dtype}${showShape(keyPositions.shape)}${mask ? `, mask ${mask.dtype}${showShape(mask.shape)}` : ''}${pinnedQuery ? `, q of ${attributes.pinned} pinned slots ${showShape(pinnedQuery.shape)}` : ''}${sinks ? `, sink logits ${sinks.dtype}${showShape(sinks.shape)}` : ''} do not fit: ` +
          `expected [B, n, heads, K], [B, S, kvHeads, K], [B, S, kvHeads, V], i32[B, n], i32[B, S]${mask ? ', bool[B, n, S]' : ''}${pinnedQuery ? ', the shape of q with no more pinned slots than S' : ''}${sinks ? ', f32[heads]' : ''} with heads a multiple of kvHeads.`,
      );
    return [{ shape: [...q.shape.slice(0, 3), v.shape[3]!], dtype: 'f32' }];
  },
  definition: attentionDefinition,
  gradient: attentionGradient,
  kernels: [kernel, decodeAttentionKernel, tilesAttentionKernel, prefillAttentionKernel],
  cost: ([q, k, v, , kp], [o]) => {
    const keys = kp!.shape[1]!;
    const [, n, H, K] = q!.shape as [number, number, number, number];
    return {
      bytes: 4 * (sizeOf(q!.shape) + sizeOf(k!.shape) + sizeOf(v!.shape) + sizeOf(o!.shape)),
      flops: 2 * q!.shape[0]! * n * H * keys * (K + v!.shape[3]!),
    };
  },
};

/** What {@link attention} is given. */
export interface AttentionCall {
  /** `[B, n, H, K]` */
  readonly q: Tensor;
  /** `[B, S, G, K]`; query head h reads group ⌊h · G / H⌋. */
  readonly k: Tensor;
  /** `[B, S, G, V]` */
  readonly v: Tensor;
  /** `[B, n]`, i32. */
  readonly queryPositions: Tensor;
  /** `[B, S]`, i32; −1 for slots that hold nothing. */
  readonly keyPositions: Tensor;
  /** `[B, n, S]`, bool: hides further keys where false (trees, packed documents). */
  readonly mask?: Tensor;
  /**
   * The first `slots` slots hold keys that are met by the queries `q` `[B, n, H, K]` in place of the others, at any distance whatever the
   * window: attention sinks, to which a query has another position than to recent keys. @defaultValue none
   */
  readonly pinned?: { readonly slots: number; readonly q: Tensor } | undefined;
  /**
   * `[H]`: score of one more key of each head, which every query sees and whose value is zero. It takes part in the softmax as it is,
   * without scale and cap; zeros make softmax off by one. @defaultValue none
   */
  readonly sinkLogits?: Tensor | undefined;
  /** @defaultValue K^−½ */
  readonly scale?: number;
  /** @defaultValue true */
  readonly causal?: boolean;
  /** A query sees keys at a distance below this. @defaultValue no limit */
  readonly window?: number | undefined;
  /** @defaultValue none */
  readonly softCap?: number | undefined;
  /**
   * Dropout of the weights after softmax. With it all weights `[B, H, n, S]` lie in memory, and are kept for the way back: no
   * kernel of attention runs. @defaultValue none
   */
  readonly dropout?: Dropout | undefined;
}

/**
 * Softmax attention, o_i = Σ_s softmax_s(scale · q_i · k_s) v_s over the visible keys; zeros for a query that sees none. With
 * sink logits b the normaliser is e^(b_h) + Σ_s e^(score).
 * Which keys are visible follows from positions that are data, so that one program serves any length. Softmax in f32.
 * @returns `[B, n, H, V]`
 * @see Vaswani et al. 2017, arXiv:1706.03762; grouped heads: Ainslie et al. 2023, arXiv:2305.13245; sinks: Xiao et al. 2023,
 * arXiv:2309.17453.
 */
export function attention({
  q,
  k,
  v,
  queryPositions,
  keyPositions,
  mask,
  pinned,
  sinkLogits,
  scale = q.shape[3]! ** -0.5,
  causal = true,
  window = 0,
  softCap = 0,
  dropout: dropped,
}: AttentionCall): Tensor {
  const apart = pinned !== undefined && pinned.slots > 0 ? pinned : undefined;
  const inputs = [q, k, v, queryPositions, keyPositions];
  for (const further of [mask, apart?.q, sinkLogits]) if (further) inputs.push(further);
  const attributes = {
    scale,
    causal,
    window,
    softCap,
    masked: mask !== undefined,
    pinned: apart?.slots ?? 0,
    sinks: sinkLogits !== undefined,
  };
  if (!dropped || dropped.probability === 0) return apply1(attentionOp, inputs, attributes);
  attentionOp.infer(inputs, attributes); // refuses what does not fit
  return attentionDefinition(inputs, attributes, (weights) => dropout(weights, dropped))[0]!;
}
