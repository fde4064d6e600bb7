import { ancestors } from '@tessera/ops';
import { slotsSeen } from '@tessera/plugin';
import { gather, reshape } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { RowCache } from './row-cache.ts';

/** Rows of a cache as attention over latents reads them. Nothing is moved: what a step wrote in place is read in place. */
export function asWritten({ rows, table }: RowCache): {
  readonly rows: Tensor;
  readonly table?: Tensor;
  readonly pageSize?: number;
} {
  return table ? { rows, table, pageSize: rows.shape[1]! / table.shape[1]! } : { rows };
}

/** Rows of a cache in the order of the slots, `[B, S, W]`. */
export function inSlots({ rows, table }: RowCache): Tensor {
  if (!table) return rows;
  const [B, S, W] = rows.shape as [number, number, number];
  const pages = table.shape[1]!;
  return reshape(gather(reshape(rows, [B, pages, S / pages, W]), table, { batchDims: 1 }), [B, S, W]);
}

/** What each of n tree nodes may see of the slots, `[B, n, S]`: everything older than the step, and its own ancestors. */
export function treeMask(parents: Tensor, slots: Tensor, capacity: number): Tensor {
  return slotsSeen(ancestors(parents), slots, capacity);
}
