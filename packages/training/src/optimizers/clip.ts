import type { Tensor } from '@tessera/tensor-core';
import { add, div, minimum, mul, sqrt, square, sum } from '@tessera/tensor-core';
import type { ByPath } from './update-rule.ts';

/** √Σg² over all elements of all gradients, a scalar. */
export function globalNorm(gradients: ByPath): Tensor {
  const squares = Object.values(gradients).map((gradient) => sum(square(gradient)));
  return sqrt(squares.reduce((total, each) => add(total, each)));
}

/** Gradients scaled so that their global norm is at most `limit`: by min(1, limit / (norm + 1e-6)), as PyTorch does. */
export function clipByGlobalNorm(gradients: ByPath, norm: Tensor, limit: number): ByPath {
  const scale = minimum(div(limit, add(norm, 1e-6)), 1);
  return Object.fromEntries(Object.entries(gradients).map(([path, gradient]) => [path, mul(gradient, scale)]));
}
