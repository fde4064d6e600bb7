import type { GradientCall } from '../op.ts';
import { iota, scatterAdd, zeros } from '../primitives/index-ops.ts';
import { flip, padOp, permute, reshape, sliceOp, split } from '../primitives/view.ts';
import type { SliceAttributes } from '../primitives/view.ts';
import { add, mul } from '../primitives/elementwise.ts';
import type { Tensor } from '../tensor.ts';
import { apply1 } from '../tensor.ts';
import { transpose } from '../primitives/view.ts';
import { sumTo } from './sum-to.ts';

type Gradient = readonly (Tensor | undefined)[];

/** Gradient of a change of shape. */
export function reshapeGradient({ inputs, cotangents }: GradientCall<object>): Gradient {
  return [reshape(cotangents[0]!, inputs[0]!.shape)];
}

/** Gradient of an order of axes: the order back. */
export function permuteGradient({ cotangents, attributes }: GradientCall<{ axes: readonly number[] }>): Gradient {
  const { axes } = attributes;
  return [
    permute(
      cotangents[0]!,
      axes.map((_, axis) => axes.indexOf(axis)),
    ),
  ];
}

/** Gradient of a stretch: the sum. */
export function broadcastGradient({ inputs, cotangents }: GradientCall<object>): Gradient {
  return [sumTo(cotangents[0]!, inputs[0]!.shape)];
}

/** Gradient of a part: the cotangent where it was, zero elsewhere. */
export function sliceGradient({ inputs, cotangents, attributes }: GradientCall<SliceAttributes>): Gradient {
  const { shape } = inputs[0]!;
  const { starts, steps } = attributes;
  let dx = cotangents[0]!;
  const before: number[] = [];
  const after: number[] = [];
  shape.forEach((extent, axis) => {
    const size = dx.shape[axis]!;
    const step = steps[axis]!;
    if (Math.abs(step) !== 1 && size > 1) {
      dx = spread(dx, axis, extent, starts[axis]!, step);
      before.push(0);
      after.push(0);
      return;
    }
    if (step < 0) dx = flip(dx, axis);
    const first = step < 0 ? starts[axis]! - (size - 1) : starts[axis]!;
    before.push(size === 0 ? 0 : first);
    after.push(extent - size - before.at(-1)!);
  });
  return [[...before, ...after].every((n) => n === 0) ? dx : apply1(padOp, [dx], { before, after, value: 0 })];
}

/** Puts the elements of an axis at start, start + step, … of a longer one. */
function spread(x: Tensor, axis: number, extent: number, start: number, step: number): Tensor {
  const rows = transpose(x, axis, 0);
  const index = add(mul(iota([rows.shape[0]!]), step), start);
  return transpose(scatterAdd(zeros([extent, ...rows.shape.slice(1)]), index, rows), axis, 0);
}

/** Gradient of a margin: the part inside. */
export function padGradient({ inputs, cotangents, attributes }: GradientCall<{ before: readonly number[] }>): Gradient {
  const { shape } = inputs[0]!;
  // Nothing begins behind its end, which an empty part would.
  const starts = attributes.before.map((n, axis) => Math.min(n, Math.max(0, cotangents[0]!.shape[axis]! - 1)));
  return [apply1(sliceOp, [cotangents[0]!], { starts, sizes: shape, steps: shape.map(() => 1) })];
}

/** Gradient of joining: to each its part. */
export function concatGradient({ inputs, cotangents, attributes }: GradientCall<{ axis: number }>): Gradient {
  const { axis } = attributes;
  return split(
    cotangents[0]!,
    axis,
    inputs.map(({ shape }) => shape[axis]!),
  );
}
