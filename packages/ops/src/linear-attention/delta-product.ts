import type { Tensor } from '@tessera/tensor-core';
import { ShapeError, at, concat, expandDims, reshape, showShape, zeros } from '@tessera/tensor-core';
import type { LinearAttentionCall, LinearAttentionResult } from './linear-attention-call.ts';

/** What {@link deltaProduct} is given: n steps of the delta rule for each entry, of which only the last is read. */
export interface DeltaProductCall {
  /** `[B, T, P, K]` */
  readonly q: Tensor;
  /** `[B, T, n, P, K]` */
  readonly k: Tensor;
  /** `[B, T, n, H, V]` */
  readonly v: Tensor;
  /** `[B, H, K, V]` */
  readonly S: Tensor;
  /** Log decay before the first of the steps, `[B, T, H]` or `[B, T, H, K]`. Absent: nothing decays. */
  readonly g?: Tensor | undefined;
  /** `[B, T, n, H]` */
  readonly beta: Tensor;
}

/**
 * DeltaProduct: several steps of the delta rule for each entry, so that an entry multiplies the state by a product of n Householder
 * matrices: S_t = Π_j (I − β_{tj} k_{tj}ᵀ k_{tj}) e^{g_t} S_{t−1} + …, o_t = q_t S_t. The steps are entries of `form`; the queries in between are
 * 0, and cost less than the steps do.
 * @param form - {@link linearAttentionChunked} or {@link linearAttentionRecurrent}, or one of them with options
 * @throws ShapeError when the operands do not fit
 * @see Siems et al. 2025, arXiv:2502.10297.
 */
export function deltaProduct(
  form: (call: LinearAttentionCall) => LinearAttentionResult,
  { q, k, v, S, g, beta }: DeltaProductCall,
): LinearAttentionResult {
  const [B, T, n, P, K] = k.shape as [number, number, number, number, number];
  const [, , , H, V] = v.shape as [number, number, number, number, number];
  if (k.rank !== 5 || v.rank !== 5 || beta.rank !== 4 || n < 1)
    throw new ShapeError(
      `deltaProduct: k ${showShape(k.shape)}, v ${showShape(v.shape)}, beta ${showShape(beta.shape)} do not fit: expected [B, T, n, P, K], [B, T, n, H, V], [B, T, n, H] with n ≥ 1.`,
    );
  // x among n − 1 steps of zeros, before or after it.
  const among = (x: Tensor, after: boolean): Tensor => {
    const rest = x.shape.slice(2);
    const own = expandDims(x, 2);
    const none = zeros([B, T, n - 1, ...rest]);
    return reshape(n === 1 ? own : concat(after ? [own, none] : [none, own], 2), [B, T * n, ...rest]);
  };
  const made = form({
    q: among(q, false),
    k: reshape(k, [B, T * n, P, K]),
    v: reshape(v, [B, T * n, H, V]),
    S,
    g: g && among(g, true),
    beta: reshape(beta, [B, T * n, H]),
  });
  return { o: at(reshape(made.o, [B, T, n, H, V]), 2, n - 1), S: made.S };
}
