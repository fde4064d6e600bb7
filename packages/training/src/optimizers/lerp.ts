import type { Tensor } from '@tessera/tensor-core';
import { add, mul, sub } from '@tessera/tensor-core';

/** `start` + `weight` · (`end` − `start`), rounded from the nearer end, as PyTorch does. */
export function lerp(start: Tensor, end: Tensor, weight: number): Tensor {
  const distance = sub(end, start);
  return weight < 0.5 ? add(start, mul(distance, weight)) : sub(end, mul(distance, 1 - weight));
}
