import { add, expandDims, gather, iota, less, mul, rem, div, reshape, scatterSet, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/**
 * Pages that several sequences take from one pool. Sequences with a prompt in common have its pages in common; whoever hands pages out
 * sees to it that a page which is written belongs to one sequence only.
 */
export interface PagePool {
  /** `[P, pageSize, W]` */
  readonly rows: Tensor;
  /** Page of each run of slots of each sequence, `[B, M]`, i32; outside 0 … P − 1: none yet. */
  readonly table: Tensor;
  /** Tokens of each sequence, `[B]`, i32. */
  readonly count: Tensor;
}

/** The pool after each sequence got its first `lengths[b]` of n new rows `[B, n, W]`. Only the pages on which they lie are written. */
export function appendToPool(pool: PagePool, rows: Tensor, lengths: Tensor): PagePool {
  const [P, pageSize, W] = pool.rows.shape as [number, number, number];
  const [B, n] = rows.shape as [number, number];
  const entry = expandDims(iota([n]), 0);
  const slot = add(expandDims(pool.count, 1), entry); // [B, n]
  const page = gather(pool.table, div(slot, pageSize), { batchDims: 1 });
  const counts = less(entry, expandDims(lengths, 1));
  const place = where(counts, add(mul(page, pageSize), rem(slot, pageSize)), -1);
  const flat = scatterSet(reshape(pool.rows, [P * pageSize, W]), reshape(place, [B * n]), reshape(rows, [B * n, W]));
  return { rows: reshape(flat, [P, pageSize, W]), table: pool.table, count: add(pool.count, lengths) };
}

/** Position that each slot of each sequence holds, `[B, M · pageSize]`, i32; −1 from its end on, whatever lies there. */
export function poolPositions({ rows, table, count }: PagePool): Tensor {
  const slot = iota([table.shape[0]!, table.shape[1]! * rows.shape[1]!], 1);
  return where(less(slot, expandDims(count, 1)), slot, -1);
}
