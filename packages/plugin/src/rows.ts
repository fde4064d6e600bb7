import type { Tensor } from '@tessera/tensor-core';
import {
  FeatureUnavailableError,
  add,
  and,
  broadcastTo,
  expandDims,
  gather,
  greaterEqual,
  iota,
  less,
  reshape,
  sub,
  where,
} from '@tessera/tensor-core';
import { isKnownZero } from './known-zero.ts';

/** Which of n entries count: `[B, n]`, bool. */
export function validEntries(
  { starts, lengths }: { readonly starts: Tensor; readonly lengths: Tensor },
  n: number,
): Tensor {
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

/** Rows of a call moved so that each begins at its first entry. */
export interface AlignedRows {
  /** Which entries count after the move, `[B, n]`: entry i of row b when i < lengths[b]. */
  readonly valid: Tensor;
  /** Moves `x [B, n, …]`; entries that do not count become zero. */
  align(x: Tensor): Tensor;
  /** Moves `y [B, n, …]` back. */
  restore(y: Tensor): Tensor;
}

/**
 * For recurrent layers: after the move a row is its entries and then padding, so that padding is only at the end, where a
 * decay of 1 and a write of 0 leave the state alone.
 */
export function alignRows(
  { starts, lengths }: { readonly starts: Tensor; readonly lengths: Tensor },
  n: number,
): AlignedRows {
  const entry = expandDims(iota([n]), 0);
  const first = expandDims(starts, 1);
  const valid = less(entry, expandDims(lengths, 1));
  if (isKnownZero(starts)) return { valid, align: (x) => zeroInvalid(x, valid), restore: (y) => y };
  const from = where(valid, add(entry, first), -1);
  return { valid, align: (x) => pickRows(x, from), restore: (y) => pickRows(y, sub(entry, first)) };
}

/** The same number for each row of a batch, `[B]`, i32. */
export function sameForRows(batch: number, value: Tensor): Tensor {
  return broadcastTo(value, [batch]);
}

/**
 * For mixers that would let packed documents see each other: refuses them instead.
 * @throws {@link FeatureUnavailableError} when the call has segments
 */
export function refuseSegments(mixer: string, call: { readonly segments?: Tensor }): void {
  if (call.segments)
    throw new FeatureUnavailableError(
      `${mixer} does not keep packed documents apart. Give each document a row of its own.`,
      { facts: { mixer } },
    );
}
