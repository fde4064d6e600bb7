import type { CpuKernel, HostView, Op, Tensor, TensorType } from '@tessera/tensor-core';
import { ShapeError, apply1, sameShape, showShape, sizeOf } from '@tessera/tensor-core';
import { attentionDefinition } from './attention-definition.ts';
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
  run({ inputs: [q, k, v, qp, kp, mask], outputs: [o], attributes: { scale, causal, window, softCap } }) {
    const [B, n, H, K] = q!.shape as [number, number, number, number];
    const [, S, G] = k!.shape as [number, number, number];
    const V = v!.shape[3]!;
    const repeat = H / G;
    const visible = new Int32Array(S);
    const weights = new Float64Array(S);
    const sum = new Float64Array(V);
    for (let b = 0; b < B; b++)
      for (let i = 0; i < n; i++) {
        const position = qp!.data[qp!.offset + b * n + i]!;
        let count = 0;
        for (let s = 0; s < S; s++) {
          const at = kp!.data[kp!.offset + b * S + s]!;
          if (at < 0 || (causal && at > position) || (window > 0 && Math.abs(position - at) >= window)) continue;
          if (mask && !mask.data[mask.offset + (b * n + i) * S + s]) continue;
          visible[count++] = s;
        }
        for (let h = 0; h < H; h++) {
          const group = b * S * G + Math.floor(h / repeat);
          const row = (b * n + i) * H + h;
          scoresOf(weights, visible, count, q!.data, q!.offset + row * K, k!.data, k!.offset + group * K, G * K, K);
          let top = -Infinity;
          for (let c = 0; c < count; c++) {
            const score = weights[c]! * scale;
            weights[c] = softCap > 0 ? softCap * Math.tanh(score / softCap) : score;
            if (weights[c]! > top) top = weights[c]!;
          }
          let total = 0;
          for (let c = 0; c < count; c++) total += weights[c] = Math.exp(weights[c]! - top);
          weightedSum(sum, weights, visible, count, v!.data, v!.offset + group * V, G * V, V);
          for (let d = 0; d < V; d++) o!.data[row * V + d] = count === 0 ? 0 : sum[d]! / total;
        }
      }
  },
};

type Data = HostView['data'];

/** Dot products of one query with the keys of the visible slots. */
function scoresOf(
  scores: Float64Array,
  slots: Int32Array,
  count: number,
  q: Data,
  query: number,
  k: Data,
  first: number,
  stride: number,
  K: number,
): void {
  for (let c = 0; c < count; c++) {
    const key = first + slots[c]! * stride;
    let score = 0;
    for (let d = 0; d < K; d++) score += q[query + d]! * k[key + d]!;
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
  infer([q, k, v, qPositions, kPositions, mask]) {
    const [B, n] = q!.shape;
    const S = k!.shape[1];
    const fits =
      q!.shape.length === 4 &&
      k!.shape.length === 4 &&
      v!.shape.length === 4 &&
      q!.shape[3] === k!.shape[3] &&
      q!.shape[0] === k!.shape[0] &&
      k!.shape[1] === v!.shape[1] &&
      k!.shape[2] === v!.shape[2] &&
      q!.shape[2]! % k!.shape[2]! === 0 &&
      isOf(qPositions!, 'i32', [B!, n!]) &&
      isOf(kPositions!, 'i32', [B!, S!]) &&
      (!mask || isOf(mask, 'bool', [B!, n!, S!]));
    if (!fits)
      throw new ShapeError(
        `attention: q ${showShape(q!.shape)}, k ${showShape(k!.shape)}, v ${showShape(v!.shape)}, positions ${qPositions!.dtype}${showShape(qPositions!.shape)} and ${kPositions!.dtype}${showShape(kPositions!.shape)}${mask ? `, mask ${mask.dtype}${showShape(mask.shape)}` : ''} do not fit: ` +
          `expected [B, n, heads, K], [B, S, kvHeads, K], [B, S, kvHeads, V], i32[B, n], i32[B, S]${mask ? ', bool[B, n, S]' : ''} with heads a multiple of kvHeads.`,
      );
    return [{ shape: [...q!.shape.slice(0, 3), v!.shape[3]!], dtype: 'f32' }];
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
 * Softmax attention, o_i = Σ_s softmax_s(scale · q_i · k_s) v_s over the visible keys; zeros for a query that sees none.
 * Which keys are visible follows from positions that are data, so that one program serves any length. Softmax in f32.
 * @returns `[B, n, H, V]`
 * @see Vaswani et al. 2017, arXiv:1706.03762; grouped heads: Ainslie et al. 2023, arXiv:2305.13245.
 */
export function attention({
  q,
  k,
  v,
  queryPositions,
  keyPositions,
  mask,
  scale = q.shape[3]! ** -0.5,
  causal = true,
  window = 0,
  softCap = 0,
  dropout: dropped,
}: AttentionCall): Tensor {
  const inputs = [q, k, v, queryPositions, keyPositions, ...(mask ? [mask] : [])];
  const attributes = { scale, causal, window, softCap, masked: mask !== undefined };
  if (!dropped || dropped.probability === 0) return apply1(attentionOp, inputs, attributes);
  attentionOp.infer(inputs, attributes); // refuses what does not fit
  return attentionDefinition(inputs, attributes, (weights) => dropout(weights, dropped))[0]!;
}
