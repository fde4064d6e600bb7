import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { normalizeAxis } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { apply1 } from '../tensor.ts';
import { div } from './elementwise.ts';
import { reshape } from './view.ts';

/** How elements of the reduced axes are joined. Sums are accumulated in at least f32. */
export type Reduction = 'sum' | 'max' | 'min' | 'argmax' | 'argmin';

/** Attributes of {@link reduceOp}: the axes, ascending. They are kept with extent 1. */
export interface ReduceAttributes {
  readonly fn: Reduction;
  readonly axes: readonly number[];
}

/** Primitive: joins the elements along axes. Ties of `argmax` and `argmin` go to the lowest index. */
export const reduceOp: Op<ReduceAttributes> = {
  id: '@tessera/tensor-core:reduce',
  infer([x], { fn, axes }) {
    const index = fn === 'argmax' || fn === 'argmin';
    if (index && axes.length !== 1) throw new ShapeError(`${fn}: takes one axis, not ${axes.length}.`);
    if (x!.dtype === 'f16' || x!.dtype === 'bf16' || x!.dtype === 'bool')
      throw new ShapeError(`${fn}: takes no ${x!.dtype}. Cast it first.`);
    const reduced = axes.some((axis) => x!.shape[axis] === 0);
    if (reduced && fn !== 'sum') throw new ShapeError(`${fn}: nothing to choose from along an axis of extent 0.`);
    return [
      { shape: x!.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent)), dtype: index ? 'i32' : x!.dtype },
    ];
  },
  cost: ([x], [y]) => ({ bytes: 4 * (count(x!.shape) + count(y!.shape)), flops: count(x!.shape) }),
};

const count = (shape: readonly number[]): number => shape.reduce((size, extent) => size * extent, 1);

/** Which axes a reduction joins and whether they stay with extent 1. */
export interface ReduceOptions {
  /** @defaultValue all axes */
  readonly axis?: number | readonly number[];
  /** @defaultValue false */
  readonly keepDims?: boolean;
}

function reduce(fn: Reduction, x: Tensor, { axis, keepDims = false }: ReduceOptions): Tensor {
  const given = axis === undefined ? x.shape.map((_, index) => index) : typeof axis === 'number' ? [axis] : axis;
  const axes = [...new Set(given.map((item) => normalizeAxis(item, x.rank, fn)))].toSorted((a, b) => a - b);
  if (axes.length === 0) return x;
  const kept = apply1(reduceOp, [x], { fn, axes });
  return keepDims
    ? kept
    : reshape(
        kept,
        x.shape.filter((_, index) => !axes.includes(index)),
      );
}

/** Sum along axes. */
export const sum = (x: Tensor, options: ReduceOptions = {}): Tensor => reduce('sum', x, options);
/** Largest element along axes. */
export const max = (x: Tensor, options: ReduceOptions = {}): Tensor => reduce('max', x, options);
/** Smallest element along axes. */
export const min = (x: Tensor, options: ReduceOptions = {}): Tensor => reduce('min', x, options);
/** Index of the largest element along one axis, the lowest of equal ones. `i32`. */
export const argmax = (x: Tensor, options: ReduceOptions & { readonly axis: number }): Tensor =>
  reduce('argmax', x, options);
/** Index of the smallest element along one axis, the lowest of equal ones. `i32`. */
export const argmin = (x: Tensor, options: ReduceOptions & { readonly axis: number }): Tensor =>
  reduce('argmin', x, options);

/** Arithmetic mean along axes. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (x.dtype !== 'f32') throw new ShapeError(`mean: takes f32, not ${x.dtype}. Cast it first.`);
  const total = sum(x, options);
  return div(total, x.size / Math.max(1, total.size));
}
