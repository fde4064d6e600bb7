import { add, div, expandDims, gather, iota, less, mul, rem, reshape, scatterSet, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/**
 * Pages that several sequences take from one pool. Sequences with a prompt in common have its pages in common; whoever hands pages out
 * sees to it that a page which is written belongs to one sequence only.
 */
export interface PagePool {
  /** Rows of all P pages, one page after another, `[1, P · pageSize, W]` */
  readonly rows: Tensor;
  /** Slots of a page. */
  readonly pageSize: number;
  /** Page of each run of slots of each sequence, `[B, M]`, i32; outside 0 … P − 1: none yet. */
  readonly table: Tensor;
  /** Tokens of each sequence, `[B]`, i32. */
  readonly count: Tensor;
}

/** The pool after each sequence got its first `lengths[b]` of n new rows `[B, n, W]`. Only the pages on which they lie are written. */
export function appendToPool(pool: PagePool, rows: Tensor, lengths: Tensor): PagePool {
  const { pageSize, table, count } = pool;
  const [B, n, W] = rows.shape as [number, number, number];
  const entry = expandDims(iota([n]), 0);
  const slot = add(expandDims(count, 1), entry); // [B, n]
  const page = gather(table, div(slot, pageSize), { batchDims: 1 });
  const place = where(less(entry, expandDims(lengths, 1)), add(mul(page, pageSize), rem(slot, pageSize)), -1);
  const written = scatterSet(pool.rows, reshape(place, [1, B * n]), reshape(rows, [1, B * n, W]), { batchDims: 1 });
  return { rows: written, pageSize, table, count: add(count, lengths) };
}

/** Position that each slot of each sequence holds, `[B, M · pageSize]`, i32; −1 from its end on, whatever lies there. */
export function poolPositions({ pageSize, table, count }: PagePool): Tensor {
  const slot = iota([table.shape[0]!, table.shape[1]! * pageSize], 1);
  return where(less(slot, expandDims(count, 1)), slot, -1);
}
