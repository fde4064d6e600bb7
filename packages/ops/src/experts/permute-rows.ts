import type { Op, Tensor } from '@tessera/tensor-core';
import { ShapeError, apply1, gather, sameShape, showShape } from '@tessera/tensor-core';

/** Op: rows in another order. See {@link permuteRows}. */
export const permuteRowsOp: Op<Record<never, never>> = {
  id: '@tessera/ops:permute-rows',
  infer([x, index, inverse]) {
    const rows = [x!.shape[0] ?? -1];
    if (
      x!.dtype !== 'f32' ||
      ![index!, inverse!].every(({ shape, dtype }) => sameShape(shape, rows) && dtype === 'i32')
    )
      throw new ShapeError(
        `permuteRows: ${x!.dtype}${showShape(x!.shape)} by ${showShape(index!.shape)} and ${showShape(inverse!.shape)}, expected f32[rows, …] and i32[rows] twice.`,
      );
    return [{ shape: x!.shape, dtype: 'f32' }];
  },
  definition: ([x, index]) => [gather(x!, index!)],
  // As a sum into rows it would not know that each is hit once.
  gradient: ({ inputs: [, index, inverse], cotangents }) => [permuteRows(cotangents[0]!, inverse!, index!), undefined, undefined], // prettier-ignore
};

/** Rows of `x [P, …]` in the order of `index [P]`, a permutation whose inverse is known, so that the gradient only reads. */
export function permuteRows(x: Tensor, index: Tensor, inverse: Tensor): Tensor {
  return apply1(permuteRowsOp, [x, index, inverse], {});
}
