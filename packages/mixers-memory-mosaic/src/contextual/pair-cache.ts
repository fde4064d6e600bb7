import type { CachePolicy } from '@tessera/plugin';
import { pickRows } from '@tessera/plugin';
import {
  add,
  broadcastTo,
  cast,
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
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { Entries, Tree } from '../keys/entries.ts';

/**
 * Pairs in slots, one for each entry: that which the entry completed. Entries that completed none have an empty slot, as the first
 * of a sequence has.
 */
export interface PairCache {
  /** `[B, S, H, d]` */
  readonly keys: Tensor;
  /** `[B, S, H, d]` */
  readonly values: Tensor;
  /** Position of the entry that completed the pair of each slot, `[B, S]`, i32; −1: none. */
  readonly positions: Tensor;
  /** Entries so far, `[B]`, i32. */
  readonly count: Tensor;
}

/** What the tensors of a cache are sized by. */
export interface CacheSizes {
  readonly batch: number;
  readonly slots: number;
  readonly heads: number;
  readonly headDim: number;
}

/** An empty cache. */
export function emptyCache({ batch, slots, heads, headDim }: CacheSizes): PairCache {
  return {
    keys: zeros([batch, slots, heads, headDim]),
    values: zeros([batch, slots, heads, headDim]),
    positions: cast(full([batch, slots], -1), 'i32'),
    count: zeros([batch], 'i32'),
  };
}

/** Bytes of {@link emptyCache}. */
export function cacheBytes({ batch, slots, heads, headDim }: CacheSizes): number {
  return 4 * batch * (2 * slots * heads * headDim + slots + 1);
}

/** The cache with what the entries of a step completed, and the slot of each entry `[B, n]` (−1: it does not count). */
export function appendPairs(
  cache: PairCache,
  policy: CachePolicy,
  { keys, values, positions }: Pick<PairCache, 'keys' | 'values' | 'positions'>,
  { valid, lengths }: Entries,
): { cache: PairCache; slots: Tensor } {
  const entry = add(expandDims(cache.count, 1), iota([1, keys.shape[1]!], 1));
  const slots = where(valid, policy.slotOf(entry, cache.keys.shape[1]!), -1);
  const write = (into: Tensor, rows: Tensor): Tensor => scatterSet(into, slots, rows, { batchDims: 1 });
  return {
    cache: {
      keys: write(cache.keys, keys),
      values: write(cache.values, values),
      positions: write(cache.positions, positions),
      count: add(cache.count, lengths),
    },
    slots,
  };
}

/** Which slots each node of a tree may see, `[B, n, S]`: all that are older than the step, and those of its path. */
export function treeSight({ ancestors }: Tree, slots: Tensor, capacity: number): Tensor {
  const [B, n] = slots.shape as [number, number];
  const nobody = cast(full([B, capacity], -1), 'i32');
  const writer = scatterSet(nobody, slots, broadcastTo(iota([1, n], 1), [B, n]), { batchDims: 1 }); // node that wrote the slot
  const seen = transpose(gather(transpose(ancestors, 1, 2), writer, { batchDims: 1 }), 1, 2); // [B, n, S]
  return or(expandDims(less(writer, 0), 1), seen);
}

/** The cache with only the nodes on the path, moved into slots that follow each other; other slots of the step are empty. */
export function commitPairs(
  before: Pick<PairCache, 'count'>,
  after: PairCache,
  policy: CachePolicy,
  { path, count, starts, n }: { path: Tensor; count: Tensor; starts: Tensor; n: number },
): PairCache {
  const capacity = after.keys.shape[1]!;
  const first = expandDims(before.count, 1);
  const slotOf = (entry: Tensor): Tensor => policy.slotOf(add(first, entry), capacity);
  const place = iota([1, path.shape[1]!], 1);
  const from = slotOf(sub(path, expandDims(starts, 1)));
  const to = where(less(place, expandDims(count, 1)), slotOf(place), -1);
  const node = iota([1, n], 1);
  const written = where(less(node, expandDims(sub(after.count, before.count), 1)), slotOf(node), -1);
  const move = (rows: Tensor, into: Tensor = rows): Tensor =>
    scatterSet(into, to, pickRows(rows, from), { batchDims: 1 });
  const emptied = scatterSet(after.positions, written, cast(full(written.shape, -1), 'i32'), { batchDims: 1 });
  return {
    keys: move(after.keys),
    values: move(after.values),
    positions: move(after.positions, emptied),
    count: add(before.count, count),
  };
}
