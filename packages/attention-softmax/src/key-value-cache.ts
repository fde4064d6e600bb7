import { ancestors } from '@tessera/ops';
import type { CachePolicy } from '@tessera/plugin';
import { pickRows, validEntries } from '@tessera/plugin';
import {
  add,
  broadcastTo,
  expandDims,
  full,
  gather,
  iota,
  less,
  or,
  scatterSet,
  sub,
  transpose,
  where,
  zeros,
  cast,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Keys and values of past positions, in slots. */
export interface KeyValueCache {
  /** `[B, S, G, d]`, rotated. */
  readonly k: Tensor;
  /** `[B, S, G, d]` */
  readonly v: Tensor;
  /** Position held by each slot, `[B, S]`, i32; −1: none. */
  readonly positions: Tensor;
  /** Entries written so far, `[B]`, i32. */
  readonly count: Tensor;
}

/** What the tensors of a cache are sized by. */
export interface CacheSizes {
  readonly batch: number;
  readonly slots: number;
  readonly kvHeads: number;
  readonly headDim: number;
}

/** An empty cache. */
export function emptyCache({ batch, slots, kvHeads, headDim }: CacheSizes): KeyValueCache {
  return {
    k: zeros([batch, slots, kvHeads, headDim]),
    v: zeros([batch, slots, kvHeads, headDim]),
    positions: cast(full([batch, slots], -1), 'i32'),
    count: zeros([batch], 'i32'),
  };
}

/** Bytes of {@link emptyCache}. */
export function cacheBytes({ batch, slots, kvHeads, headDim }: CacheSizes): number {
  return 4 * batch * (2 * slots * kvHeads * headDim + slots + 1);
}

/** What one step writes. */
export interface CacheWrite {
  readonly k: Tensor;
  readonly v: Tensor;
  readonly positions: Tensor;
  readonly starts: Tensor;
  readonly lengths: Tensor;
}

/** The cache with the entries of a step, and the slot of each of them `[B, n]` (−1: it does not count). */
export function appendToCache(
  cache: KeyValueCache,
  policy: CachePolicy,
  { k, v, positions, starts, lengths }: CacheWrite,
): { cache: KeyValueCache; slots: Tensor } {
  const n = k.shape[1]!;
  const entry = add(expandDims(cache.count, 1), sub(expandDims(iota([n]), 0), expandDims(starts, 1)));
  const slots = where(validEntries({ starts, lengths }, n), policy.slotOf(entry, cache.k.shape[1]!), -1);
  const write = (into: Tensor, rows: Tensor): Tensor => scatterSet(into, slots, rows, { batchDims: 1 });
  return {
    cache: {
      k: write(cache.k, k),
      v: write(cache.v, v),
      positions: write(cache.positions, positions),
      count: add(cache.count, lengths),
    },
    slots,
  };
}

/** What each of n tree nodes may see of the slots, `[B, n, S]`: everything older than the step, and its own ancestors. */
export function treeMask(parents: Tensor, slots: Tensor, capacity: number): Tensor {
  const [B, n] = parents.shape as [number, number];
  const none = cast(full([B, capacity], -1), 'i32');
  const writer = scatterSet(none, slots, broadcastTo(expandDims(iota([n]), 0), [B, n]), { batchDims: 1 }); // node that wrote the slot
  const seen = transpose(gather(transpose(ancestors(parents), 1, 2), writer, { batchDims: 1 }), 1, 2); // [B, n, S]
  return or(expandDims(less(writer, 0), 1), seen);
}

/** Moves the rows of the accepted path into consecutive slots and forgets the other rows of the step. */
export function commitCache(
  before: { readonly count: Tensor },
  after: KeyValueCache,
  policy: CachePolicy,
  { path, count, starts, n }: { path: Tensor; count: Tensor; starts: Tensor; n: number },
): KeyValueCache {
  const capacity = after.k.shape[1]!;
  const depth = path.shape[1]!;
  const base = expandDims(before.count, 1);
  const from = policy.slotOf(add(base, sub(path, expandDims(starts, 1))), capacity);
  const step = expandDims(iota([depth]), 0);
  const to = where(less(step, expandDims(count, 1)), policy.slotOf(add(base, step), capacity), -1);
  const node = expandDims(iota([n]), 0);
  const written = where(
    less(node, expandDims(sub(after.count, before.count), 1)),
    policy.slotOf(add(base, node), capacity),
    -1,
  );
  const keep = (rows: Tensor, cleared: Tensor = rows): Tensor =>
    scatterSet(cleared, to, pickRows(rows, from), { batchDims: 1 });
  const forgotten = scatterSet(after.positions, written, cast(full(written.shape, -1), 'i32'), { batchDims: 1 });
  return {
    k: keep(after.k),
    v: keep(after.v),
    positions: keep(after.positions, forgotten),
    count: add(before.count, count),
  };
}
