import type { AlignedRows } from '@tessera/plugin';
import { alignRows } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { expandDims, greater } from '@tessera/tensor-core';

/**
 * As `alignRows`, but a single entry stays where it is, as it is: a decode step then moves nothing. Whoever reads what does not
 * count zeroes it by `valid`.
 */
export function alignEntries(call: { readonly starts: Tensor; readonly lengths: Tensor }, n: number): AlignedRows {
  if (n !== 1) return alignRows(call, n);
  return { valid: greater(expandDims(call.lengths, 1), 0), align: (x) => x, restore: (y) => y };
}
