import type { Tensor } from '@tessera/tensor-core';
import { add, and, broadcastTo, expandDims, gather, greaterEqual, iota, less, reshape, where } from '@tessera/tensor-core';

/** Which of n entries count: `[B, n]`, bool. */
export function validEntries({ starts, lengths }: { readonly starts: Tensor; readonly lengths: Tensor }, n: number): Tensor {
  const entry = expandDims(iota([n]), 0);
  const first = expandDims(starts, 1);
  return and(greaterEqual(entry, first), less(entry, add(first, expandDims(lengths, 1))));
}

/** `value` where the entry counts, zero elsewhere. `value [B, n, …]`, `valid [B, n]`. */
export function zeroInvalid(value: Tensor, valid: Tensor): Tensor {
  return where(perEntry(valid, value), value, 0);
}

/** `[B, n]` with axes of extent 1 appended, so that it broadcasts against `like [B, n, …]`. */
export function perEntry(values: Tensor, like: Tensor): Tensor {
  return reshape(values, [...values.shape, ...like.shape.slice(values.rank).map(() => 1)]);
}

/** Rows of `x [B, n, …]` by `index [B, m]` → `[B, m, …]`. */
export function pickRows(x: Tensor, index: Tensor): Tensor {
  return gather(x, index, { batchDims: 1 });
}

/** The same number for each row of a batch, `[B]`, i32. */
export function sameForRows(batch: number, value: Tensor): Tensor {
  return broadcastTo(value, [batch]);
}
