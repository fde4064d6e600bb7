import { toElement } from '../element.ts';
import type { SliceAttributes } from '../primitives/view.ts';
import { rowMajor } from '../shape.ts';
import { broadcastStrides, contiguous, copyInto, view } from './array.ts';
import type { CpuPrimitive } from './primitive.ts';

/** The input itself. */
export const same: CpuPrimitive<Record<never, never>> = ({ inputs: [x] }) => [view(x!, {})];

/** Row-major order under another shape: a view where the elements lie in that order, else a copy. */
export const reshaped: CpuPrimitive<{ readonly shape: readonly number[] }> = ({
  inputs: [x],
  attributes: { shape },
  pool,
}) => {
  const flat = contiguous(x!, pool);
  return [{ ...flat, shape, strides: rowMajor(shape) }];
};

/** Axes in another order. */
export const permuted: CpuPrimitive<{ readonly axes: readonly number[] }> = ({
  inputs: [x],
  types: [type],
  attributes: { axes },
}) => [view(x!, { shape: type!.shape, strides: axes.map((axis) => x!.strides[axis]!) })];

/** Stretched axes have stride 0. */
export const stretched: CpuPrimitive<{ readonly shape: readonly number[] }> = ({ inputs: [x], types: [type] }) => [
  view(x!, { shape: type!.shape, strides: broadcastStrides(x!, type!.shape) }),
];

/** A part of each axis, by another offset and other strides. */
export const sliced: CpuPrimitive<SliceAttributes> = ({ inputs: [x], attributes: { starts, sizes, steps } }) => [
  view(x!, {
    shape: sizes,
    strides: x!.strides.map((stride, axis) => stride * steps[axis]!),
    offset: x!.offset + starts.reduce((total, start, axis) => total + start * x!.strides[axis]!, 0),
  }),
];

/** A constant around the elements. */
export const padded: CpuPrimitive<{
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}> = ({ inputs: [x], types: [type], attributes: { before, value }, pool }) => {
  const out = pool.allocate(type!.dtype, type!.shape);
  out.storage.data.fill(toElement(value, type!.dtype));
  copyInto(
    out,
    before.reduce((total, count, axis) => total + count * out.strides[axis]!, 0),
    x!,
  );
  return [out];
};

/** Arrays one after another along an axis. */
export const joined: CpuPrimitive<{ readonly axis: number }> = ({
  inputs,
  types: [type],
  attributes: { axis },
  pool,
}) => {
  const out = pool.allocate(type!.dtype, type!.shape);
  let start = 0;
  for (const input of inputs) {
    copyInto(out, start * out.strides[axis]!, input);
    start += input.shape[axis]!;
  }
  return [out];
};
