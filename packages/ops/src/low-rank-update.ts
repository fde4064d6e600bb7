import type { Op, Tensor } from '@tessera/tensor-core';
import { ShapeError, add, apply1, cast, matmul, mul, sameShape, showShape } from '@tessera/tensor-core';

/** Op: W + s B A, f32. Its weight may be kept in 16 bits. */
export const lowRankUpdateOp: Op<{ readonly scale: number }> = {
  id: '@tessera/ops:low-rank-update',
  infer([W, A, B]) {
    const [out, inner] = W!.shape;
    const rank = A!.shape[0];
    if (W!.shape.length !== 2 || !sameShape(A!.shape, [rank!, inner!]) || !sameShape(B!.shape, [out!, rank!]))
      throw new ShapeError(
        `lowRankUpdate: weight ${showShape(W!.shape)}, A ${showShape(A!.shape)} and B ${showShape(B!.shape)}, expected [out, in], [rank, in] and [out, rank].`,
        { facts: { weight: W!.shape, A: A!.shape, B: B!.shape } },
      );
    return [{ shape: W!.shape, dtype: 'f32' }];
  },
  definition: ([W, A, B], { scale }) => [add(cast(W!, 'f32'), mul(matmul(B!, A!), scale))],
};

/** A change of a weight, s B A. */
export interface LowRankUpdate {
  /** `[rank, in]`, f32 */
  readonly A: Tensor;
  /** `[out, rank]`, f32 */
  readonly B: Tensor;
  /** s */
  readonly scale: number;
}

/**
 * W + s B A, `[out, in]`, f32. `linear` by it computes x Wᵀ + s (x Aᵀ) Bᵀ: neither the sum nor a copy of W in 32 bits is ever
 * there, and a gradient goes by A and B alone. Other ops get the sum.
 * @param weight - `[out, in]` (f32, f16 or bf16)
 * @see Hu et al. 2021, arXiv:2106.09685.
 */
export function lowRankUpdate(weight: Tensor, { A, B, scale }: LowRankUpdate): Tensor {
  return apply1(lowRankUpdateOp, [weight, A, B], { scale });
}

/** What {@link lowRankUpdate} was given for a tensor that it recorded; undefined for any other. */
export function lowRankUpdateOf({ source }: Tensor): (LowRankUpdate & { readonly weight: Tensor }) | undefined {
  if (source.kind !== 'node' || source.node.op.id !== lowRankUpdateOp.id) return undefined;
  const [weight, A, B] = source.node.inputs as readonly [Tensor, Tensor, Tensor];
  return { weight, A, B, ...(source.node.attributes as { readonly scale: number }) };
}
