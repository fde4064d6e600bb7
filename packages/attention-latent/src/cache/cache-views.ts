import { ancestors } from '@tessera/ops';
import {
  add,
  broadcastTo,
  cast,
  expandDims,
  full,
  gather,
  iota,
  less,
  mul,
  or,
  reshape,
  scatterSet,
  transpose,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { RowCache } from './row-cache.ts';

/** Rows of a cache as attention over latents reads them: the pages of all rows of the batch in one pool, where there are pages. */
export function pooled({ rows, table }: RowCache): { readonly rows: Tensor; readonly table?: Tensor } {
  if (!table) return { rows };
  const [B, S, W] = rows.shape as [number, number, number];
  const pages = table.shape[1]!;
  return {
    rows: reshape(rows, [B * pages, S / pages, W]),
    table: add(table, mul(iota([B, 1]), pages)),
  };
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
  const [B, n] = parents.shape as [number, number];
  const none = cast(full([B, capacity], -1), 'i32');
  const writer = scatterSet(none, slots, broadcastTo(expandDims(iota([n]), 0), [B, n]), { batchDims: 1 }); // node that wrote the slot
  const seen = transpose(gather(transpose(ancestors(parents), 1, 2), writer, { batchDims: 1 }), 1, 2); // [B, n, S]
  return or(expandDims(less(writer, 0), 1), seen);
}
