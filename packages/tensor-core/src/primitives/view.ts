import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { broadcastShapes, checkShape, normalizeAxis, sameShape, showShape, sizeOf } from '../shape.ts';
import type { Operand, Tensor } from '../tensor.ts';
import { apply1, asTensor } from '../tensor.ts';

const noWork = (): { bytes: number; flops: number } => ({ bytes: 0, flops: 0 });

/** Primitive: the same elements in row-major order under another shape. */
export const reshapeOp: Op<{ readonly shape: readonly number[] }> = {
  id: '@tessera/tensor-core:reshape',
  infer([x], { shape }) {
    checkShape(shape, 'reshape');
    if (sizeOf(shape) !== sizeOf(x!.shape))
      throw new ShapeError(
        `reshape: ${showShape(x!.shape)} has ${sizeOf(x!.shape)} elements, ${showShape(shape)} needs ${sizeOf(shape)}.`,
        {
          facts: { from: x!.shape, to: shape },
        },
      );
    return [{ shape, dtype: x!.dtype }];
  },
  cost: noWork,
};

/** Primitive: axes in another order. */
export const permuteOp: Op<{ readonly axes: readonly number[] }> = {
  id: '@tessera/tensor-core:permute',
  infer([x], { axes }) {
    if (
      axes.length !== x!.shape.length ||
      new Set(axes).size !== axes.length ||
      axes.some((axis) => !(axis >= 0 && axis < axes.length))
    )
      throw new ShapeError(`permute: ${showShape(axes)} does not name each axis of ${showShape(x!.shape)} once.`);
    return [{ shape: axes.map((axis) => x!.shape[axis]!), dtype: x!.dtype }];
  },
  cost: noWork,
};

/** Primitive: axes of extent 1 stretched, new axes in front. */
export const broadcastOp: Op<{ readonly shape: readonly number[] }> = {
  id: '@tessera/tensor-core:broadcast',
  infer([x], { shape }) {
    checkShape(shape, 'broadcastTo');
    if (!sameShape(broadcastShapes(x!.shape, shape, 'broadcastTo'), shape))
      throw new ShapeError(`broadcastTo: ${showShape(x!.shape)} does not stretch to ${showShape(shape)}.`);
    return [{ shape, dtype: x!.dtype }];
  },
  cost: noWork,
};

/** Attributes of {@link sliceOp}: first index, number of elements and step of each axis. */
export interface SliceAttributes {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  /** May be negative, which reverses. */
  readonly steps: readonly number[];
}

/** Primitive: every `step`-th element from `start` on each axis. */
export const sliceOp: Op<SliceAttributes> = {
  id: '@tessera/tensor-core:slice',
  infer([x], { starts, sizes, steps }) {
    x!.shape.forEach((extent, axis) => {
      const last = starts[axis]! + (sizes[axis]! - 1) * steps[axis]!;
      if (sizes[axis]! > 0 && (starts[axis]! < 0 || starts[axis]! >= extent || last < 0 || last >= extent))
        throw new ShapeError(`slice: indices ${starts[axis]} to ${last} leave axis ${axis} of ${showShape(x!.shape)}.`);
    });
    return [{ shape: sizes, dtype: x!.dtype }];
  },
  cost: noWork,
};

/** Primitive: a constant before and after each axis. */
export const padOp: Op<{
  readonly before: readonly number[];
  readonly after: readonly number[];
  readonly value: number;
}> = {
  id: '@tessera/tensor-core:pad',
  infer([x], { before, after }) {
    checkShape([...before, ...after], 'pad');
    return [{ shape: x!.shape.map((extent, axis) => before[axis]! + extent + after[axis]!), dtype: x!.dtype }];
  },
};

/** Primitive: tensors one after another along an axis. */
export const concatOp: Op<{ readonly axis: number }> = {
  id: '@tessera/tensor-core:concat',
  infer(inputs, { axis }) {
    const [first] = inputs;
    for (const input of inputs)
      if (
        input.dtype !== first!.dtype ||
        input.shape.length !== first!.shape.length ||
        input.shape.some((extent, i) => i !== axis && extent !== first!.shape[i])
      )
        throw new ShapeError(
          `concat: ${input.dtype}${showShape(input.shape)} does not continue ${first!.dtype}${showShape(first!.shape)} along axis ${axis}.`,
        );
    const shape = [...first!.shape];
    shape[axis] = inputs.reduce((total, input) => total + input.shape[axis]!, 0);
    return [{ shape, dtype: first!.dtype }];
  },
};

/** The same elements in row-major order as `shape`; one extent may be −1, which is computed. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const unknown = shape.indexOf(-1);
  let wanted = shape;
  if (unknown >= 0) {
    const rest = shape.reduce((size, extent, axis) => (axis === unknown ? size : size * extent), 1);
    const extent = rest === 0 ? 0 : x.size / rest;
    if (!Number.isInteger(extent))
      throw new ShapeError(`reshape: ${showShape(x.shape)} does not divide into ${showShape(shape)}.`);
    wanted = shape.with(unknown, extent);
  }
  return sameShape(wanted, x.shape) ? x : apply1(reshapeOp, [x], { shape: wanted });
}

/** Axes in the given order. */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  return axes.every((axis, index) => axis === index) && axes.length === x.rank ? x : apply1(permuteOp, [x], { axes });
}

/** Swaps two axes, the last two by default. */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const axes = x.shape.map((_, index) => index);
  const i = normalizeAxis(a, x.rank, 'transpose');
  const j = normalizeAxis(b, x.rank, 'transpose');
  [axes[i], axes[j]] = [axes[j]!, axes[i]!];
  return permute(x, axes);
}

/** Stretches `x` to `shape`. */
export function broadcastTo(x: Operand, shape: readonly number[]): Tensor {
  const input = asTensor(x);
  return sameShape(input.shape, shape) ? input : apply1(broadcastOp, [input], { shape });
}

/** Inserts an axis of extent 1. */
export function expandDims(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(axis, x.rank + 1, 'expandDims');
  return reshape(x, x.shape.toSpliced(at, 0, 1));
}

/** Removes an axis of extent 1. */
export function squeeze(x: Tensor, axis: number): Tensor {
  const at = normalizeAxis(axis, x.rank, 'squeeze');
  if (x.shape[at] !== 1)
    throw new ShapeError(`squeeze: axis ${at} of ${showShape(x.shape)} has extent ${x.shape[at]}, expected 1.`);
  return reshape(x, x.shape.toSpliced(at, 1));
}

/** Elements `start` to `stop` (exclusive, clipped to the extent; negative counts from the end) along one axis. */
export function slice(x: Tensor, axis: number, start: number, stop?: number): Tensor {
  const at = normalizeAxis(axis, x.rank, 'slice');
  const extent = x.shape[at]!;
  const clip = (index: number): number => Math.min(extent, Math.max(0, index < 0 ? index + extent : index));
  const first = clip(start);
  const size = Math.max(0, clip(stop ?? extent) - first);
  if (first === 0 && size === extent) return x;
  return apply1(sliceOp, [x], {
    starts: x.shape.map((_, i) => (i === at ? Math.min(first, Math.max(0, extent - 1)) : 0)),
    sizes: x.shape.with(at, size),
    steps: x.shape.map(() => 1),
  });
}

/** Element `index` along one axis, which goes away. */
export function at(x: Tensor, axis: number, index: number): Tensor {
  const where = normalizeAxis(axis, x.rank, 'at');
  const extent = x.shape[where]!;
  const first = index < 0 ? index + extent : index;
  if (!Number.isInteger(index) || first < 0 || first >= extent)
    throw new ShapeError(`at: axis ${where} of ${showShape(x.shape)} has no element ${index}.`);
  return squeeze(slice(x, where, first, first + 1), where);
}

/** Reverses one axis. */
export function flip(x: Tensor, axis: number): Tensor {
  const where = normalizeAxis(axis, x.rank, 'flip');
  const extent = x.shape[where]!;
  if (extent < 2) return x;
  return apply1(sliceOp, [x], {
    starts: x.shape.map((_, i) => (i === where ? extent - 1 : 0)),
    sizes: x.shape,
    steps: x.shape.map((_, i) => (i === where ? -1 : 1)),
  });
}

/** `before` and `after` further elements of `value` along one axis. */
export function pad(x: Tensor, axis: number, before: number, after: number, value = 0): Tensor {
  const where = normalizeAxis(axis, x.rank, 'pad');
  if (before === 0 && after === 0) return x;
  return apply1(padOp, [x], {
    before: x.shape.map((_, i) => (i === where ? before : 0)),
    after: x.shape.map((_, i) => (i === where ? after : 0)),
    value,
  });
}

/** Tensors one after another along an axis. */
export function concat(inputs: readonly Tensor[], axis: number): Tensor {
  if (inputs.length === 0) throw new ShapeError('concat: no tensors given.');
  if (inputs.length === 1) return inputs[0]!;
  return apply1(concatOp, inputs, { axis: normalizeAxis(axis, inputs[0]!.rank, 'concat') });
}

/** Tensors of one shape along a new axis. */
export function stack(inputs: readonly Tensor[], axis: number): Tensor {
  return concat(
    inputs.map((input) => expandDims(input, axis)),
    axis < 0 ? axis + (inputs[0]?.rank ?? 0) + 1 : axis,
  );
}

/** Parts of the given extents along an axis, which they must fill. */
export function split(x: Tensor, axis: number, sizes: readonly number[]): Tensor[] {
  const where = normalizeAxis(axis, x.rank, 'split');
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total !== x.shape[where])
    throw new ShapeError(`split: parts of ${sizes.join(' + ')} do not fill axis ${where} of ${showShape(x.shape)}.`);
  let start = 0;
  return sizes.map((size) => slice(x, where, start, (start += size)));
}
