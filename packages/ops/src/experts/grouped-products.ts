import type { Op, Tensor } from '@tessera/tensor-core';
import {
  ShapeError,
  apply1,
  equal,
  expandDims,
  gather,
  iota,
  isPacked,
  matmul,
  reshape,
  sameShape,
  showShape,
  transpose,
  where,
} from '@tessera/tensor-core';
import { expertOfRows } from './expert-of-rows.ts';
import { linearLoops, outerLoops, weightTypes } from './grouped-loops.ts';
import type { GroupedLinearAttributes } from './grouped-loops.ts';
import { groupedLinearKernel } from './grouped-linear.wgsl.ts';
import { groupedOuterKernel } from './grouped-outer.wgsl.ts';

/** Op: each row by the matrix of its expert. See {@link groupedLinear}. */
export const groupedLinearOp: Op<GroupedLinearAttributes> = {
  id: '@tessera/ops:grouped-linear',
  infer([x, weight, offsets], { transposed }) {
    const [P, K] = x!.shape;
    const [E, rows, columns] = weight!.shape;
    const inner = transposed ? rows : columns;
    const fits =
      x!.shape.length === 2 &&
      x!.dtype === 'f32' &&
      weight!.shape.length === 3 &&
      weightTypes.some((dtype) => dtype === weight!.dtype) &&
      inner === K &&
      sameShape(offsets!.shape, [E! + 1]) &&
      offsets!.dtype === 'i32';
    if (!fits)
      throw new ShapeError(
        `groupedLinear: x ${x!.dtype}${showShape(x!.shape)}, weight ${weight!.dtype}${showShape(weight!.shape)} and offsets ${offsets!.dtype}${showShape(offsets!.shape)} do not fit: ` +
          `expected f32[P, in], [E, ${transposed ? 'in, out' : 'out, in'}] in f32, f16 or bf16, and i32[E + 1].`,
        { facts: { x: x!.shape, weight: weight!.shape, offsets: offsets!.shape } },
      );
    return [{ shape: [P!, (transposed ? columns : rows)!], dtype: 'f32' }];
  },
  definition([x, weight, offsets], { transposed }) {
    const P = x!.shape[0]!;
    const own = gather(weight!, expertOfRows(offsets!, P)); // [P, out, in]
    const y = matmul(expandDims(x!, 1), transposed ? own : transpose(own));
    return [reshape(y, [P, y.shape[2]!])];
  },
  kernels: [...weightTypes.map(linearLoops), groupedLinearKernel],
  gradient({ inputs: [x, weight, offsets], cotangents, attributes: { transposed } }) {
    const dy = cotangents[0]!;
    return [
      groupedLinear(dy, weight!, offsets!, { transposed: !transposed }),
      transposed ? groupedOuter(x!, dy, offsets!) : groupedOuter(dy, x!, offsets!),
      undefined,
    ];
  },
  cost: ([x, weight], [y]) => ({
    bytes:
      4 * (x!.shape[0]! * x!.shape[1]! + y!.shape[0]! * y!.shape[1]!) +
      (isPacked(weight!.dtype) ? 2 : 4) * weight!.shape.reduce((size, extent) => size * extent, 1),
    flops: 2 * x!.shape[0]! * x!.shape[1]! * y!.shape[1]!,
  }),
};

/**
 * Each row by the matrix of its expert, y_p = x_p W_eᵀ, for rows that stand in the order of their experts.
 * @param x - `[P, in]`, f32
 * @param weight - `[E, out, in]`, or `[E, in, out]` where `transposed`; f32, f16 or bf16
 * @param offsets - first row of each expert, and P, `[E + 1]`, i32
 * @returns `[P, out]`, accumulated in at least f32
 * @throws {@link ShapeError} when these do not fit
 */
export function groupedLinear(
  x: Tensor,
  weight: Tensor,
  offsets: Tensor,
  { transposed = false }: Partial<GroupedLinearAttributes> = {},
): Tensor {
  return apply1(groupedLinearOp, [x, weight, offsets], { transposed });
}

/** Op: for each expert the products of the rows that are its own. See {@link groupedOuter}. */
export const groupedOuterOp: Op<Record<never, never>> = {
  id: '@tessera/ops:grouped-outer',
  infer([a, b, offsets]) {
    const fits =
      [a!, b!].every(({ shape, dtype }) => shape.length === 2 && dtype === 'f32') &&
      sameShape(a!.shape.slice(0, 1), b!.shape.slice(0, 1)) &&
      offsets!.shape.length === 1 &&
      offsets!.shape[0]! > 0 &&
      offsets!.dtype === 'i32';
    if (!fits)
      throw new ShapeError(
        `groupedOuter: a ${a!.dtype}${showShape(a!.shape)}, b ${b!.dtype}${showShape(b!.shape)} and offsets ${offsets!.dtype}${showShape(offsets!.shape)} do not fit: expected f32[P, N], f32[P, K] and i32[E + 1].`,
        { facts: { a: a!.shape, b: b!.shape, offsets: offsets!.shape } },
      );
    return [{ shape: [offsets!.shape[0]! - 1, a!.shape[1]!, b!.shape[1]!], dtype: 'f32' }];
  },
  definition([a, b, offsets]) {
    const [P, E] = [a!.shape[0]!, offsets!.shape[0]! - 1];
    const isOf = equal(expandDims(expertOfRows(offsets!, P), 0), expandDims(iota([E]), 1)); // [E, P]
    return [matmul(where(expandDims(isOf, 1), expandDims(transpose(a!), 0), 0), b!)];
  },
  kernels: [outerLoops, groupedOuterKernel],
  gradient({ inputs: [a, b, offsets], cotangents }) {
    const dy = cotangents[0]!; // [E, N, K]
    return [groupedLinear(b!, dy, offsets!), groupedLinear(a!, dy, offsets!, { transposed: true }), undefined];
  },
  cost: ([a, b], [y]) => ({
    bytes: 4 * [a!, b!, y!].reduce((total, { shape }) => total + shape.reduce((size, extent) => size * extent, 1), 0),
    flops: 2 * a!.shape[0]! * a!.shape[1]! * b!.shape[1]!,
  }),
};

/**
 * Σ a_pᵀ b_p over the rows of each expert, for rows that stand in the order of their experts; zeros where it has none. The gradient
 * of {@link groupedLinear} by its weight.
 * @param a - `[P, N]`, f32
 * @param b - `[P, K]`, f32
 * @param offsets - first row of each expert, and P, `[E + 1]`, i32
 * @returns `[E, N, K]`
 */
export function groupedOuter(a: Tensor, b: Tensor, offsets: Tensor): Tensor {
  return apply1(groupedOuterOp, [a, b, offsets], {});
}
