import type { Tensor } from '@tessera/tensor-core';
import { cast, expandDims, iota, lessEqual, slice, sum } from '@tessera/tensor-core';

/** Expert of each of P rows that stand in the order of experts, `[P]`, i32, from `offsets [E + 1]`. */
export function expertOfRows(offsets: Tensor, P: number): Tensor {
  const ends = slice(offsets, 0, 1); // [E]
  return sum(cast(lessEqual(expandDims(ends, 0), expandDims(iota([P]), 1)), 'i32'), { axis: 1 });
}
