import type { Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  apply1,
  broadcastTo,
  expandDims,
  gather,
  matmul,
  reshape,
  showShape,
  sizeOf,
  transpose,
} from '@tessera/tensor-core';
import { expertLinearKernel } from './expert-linear.wgsl.ts';

/** Op: each row by the matrix of an expert that is told. See {@link expertLinear}. */
export const expertLinearOp: Op<Record<never, never>> = {
  id: '@tessera/ops:expert-linear',
  infer([x, weight, experts]) {
    const [rows, K] = x!.shape as [number, number];
    const P = sizeOf(experts!.shape);
    const fits =
      x!.shape.length === 2 &&
      x!.dtype === 'f32' &&
      weight!.shape.length === 3 &&
      weight!.shape[2] === K &&
      ['f32', 'f16', 'bf16'].includes(weight!.dtype) &&
      experts!.dtype === 'i32' &&
      (rows === 0 ? P === 0 : P % rows === 0);
    if (!fits)
      throw new ShapeError(
        `expertLinear: x ${x!.dtype}${showShape(x!.shape)}, weight ${weight!.dtype}${showShape(weight!.shape)} and experts ${experts!.dtype}${showShape(experts!.shape)} do not fit: ` +
          `expected f32[rows, in], [E, out, in] in f32, f16 or bf16, and i32 experts, of each row equally many.`,
        { facts: { x: x!.shape, weight: weight!.shape, experts: experts!.shape } },
      );
    return [{ shape: [P, weight!.shape[1]!], dtype: 'f32' }];
  },
  definition([x, weight, experts]) {
    const [rows, K] = x!.shape as [number, number];
    const P = experts!.size;
    const own = gather(weight!, reshape(experts!, [P])); // [P, out, in]
    const repeated = reshape(broadcastTo(expandDims(x!, 1), [rows, rows === 0 ? 0 : P / rows, K]), [P, 1, K]);
    return [reshape(matmul(repeated, transpose(own)), [P, weight!.shape[1]!])];
  },
  kernels: [expertLinearKernel],
  cost: ([x, weight], [y]) => ({
    // No more matrices than there are rows.
    bytes: 4 * (x!.shape[0]! * x!.shape[1]! + y!.shape[0]! * y!.shape[1]!) + (weight!.dtype === 'f32' ? 4 : 2) * Math.min(y!.shape[0]!, weight!.shape[0]!) * weight!.shape[1]! * weight!.shape[2]!, // prettier-ignore
    flops: 2 * y!.shape[0]! * y!.shape[1]! * x!.shape[1]!,
  }),
};

/**
 * Each row by the matrix of an expert that is told, y_p = x_p W_eᵀ, for few rows: only the matrices of experts that are told are
 * read, once a row.
 * @param x - `[rows, in]`, f32
 * @param weight - `[E, out, in]`; f32, f16 or bf16
 * @param experts - expert of each result, 0 … E − 1, `[rows, k]` or all P = rows · k of them in one axis, i32
 * @returns `[P, out]`, accumulated in at least f32
 * @throws {@link ShapeError} when these do not fit
 */
export function expertLinear(x: Tensor, weight: Tensor, experts: Tensor): Tensor {
  return apply1(expertLinearOp, [x, weight, experts], {});
}
