import { sum } from '../primitives/reduce.ts';
import { reshape } from '../primitives/view.ts';
import type { Shape } from '../shape.ts';
import { sameShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** Sums over the axes along which `shape` was stretched to that of `x`. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.rank - shape.length;
  const axis = x.shape.flatMap((extent, i) => (i < missing || (shape[i - missing] === 1 && extent !== 1) ? [i] : []));
  return reshape(sum(x, { axis, keepDims: true }), shape);
}
