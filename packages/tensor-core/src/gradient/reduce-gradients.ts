import type { GradientCall } from '../op.ts';
import { cast, div, equal, mul } from '../primitives/elementwise.ts';
import { matmul } from '../primitives/matmul.ts';
import { sum } from '../primitives/reduce.ts';
import type { ReduceAttributes } from '../primitives/reduce.ts';
import { broadcastTo, reshape, transpose } from '../primitives/view.ts';
import { sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { sumTo } from './sum-to.ts';

type Gradient = readonly (Tensor | undefined)[];

/** Gradient of a reduction: of a sum to all, of a largest or smallest to those that are it, in equal parts. */
export function reduceGradient({ inputs, outputs, cotangents, attributes }: GradientCall<ReduceAttributes>): Gradient {
  const [x] = inputs as [Tensor];
  const { fn, axes } = attributes;
  const dy = cotangents[0]!;
  if (fn === 'sum') return [broadcastTo(dy, x.shape)];
  if (fn === 'argmax' || fn === 'argmin') return [undefined];
  const taken = cast(equal(x, outputs[0]!), 'f32');
  return [mul(taken, div(dy, sum(taken, { axis: axes, keepDims: true })))];
}

/**
 * Gradient of a product: dA = dY Bᵀ, dB = Aᵀ dY, summed over axes that were stretched. The transposes are views; a matrix that
 * serves a whole batch gets its gradient from one product over all rows.
 */
export function matmulGradient({ inputs, cotangents }: GradientCall<object>): Gradient {
  const [a, b] = inputs as [Tensor, Tensor];
  const dy = cotangents[0]!;
  const da = sumTo(matmul(dy, transpose(b)), a.shape);
  if (b.rank > 2) return [da, sumTo(matmul(transpose(a), dy), b.shape)];
  const rows = (x: Tensor): Tensor => reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);
  return [da, matmul(transpose(rows(a)), rows(dy))];
}
