import type { CachePolicy, SlotCommit, SlotEntries, Slots } from '@tessera/plugin';
import { commitSlots, emptySlots, slotBytes, takeSlots } from '@tessera/plugin';
import { zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/**
 * Pairs in slots, one for each entry: that which the entry completed, at the entry's position. Entries that completed none have an
 * empty slot, as the first of a sequence has.
 */
export interface PairCache extends Slots {
  /** `[B, S, H, d]` */
  readonly keys: Tensor;
  /** `[B, S, H, d]` */
  readonly values: Tensor;
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
  const rows = [batch, slots, heads, headDim];
  return { keys: zeros(rows), values: zeros(rows), ...emptySlots(batch, slots) };
}

/** Bytes of {@link emptyCache}. */
export function cacheBytes({ batch, slots, heads, headDim }: CacheSizes): number {
  return slotBytes({ batch, slots, elements: 2 * heads * headDim });
}

/** The cache with what the entries of a step completed, and the slot of each entry `[B, n]` (−1: it does not count). */
export function appendPairs(
  cache: PairCache,
  policy: CachePolicy,
  { keys, values, ...entries }: SlotEntries & Pick<PairCache, 'keys' | 'values'>,
): { cache: PairCache; slots: Tensor } {
  const { after, slots, write } = takeSlots(cache, policy, entries);
  return { cache: { keys: write(cache.keys, keys), values: write(cache.values, values), ...after }, slots };
}

/** The cache with only the nodes on the path, moved into slots that follow each other; other slots of the step are empty. */
export function commitPairs(
  before: Pick<Slots, 'count'>,
  after: PairCache,
  policy: CachePolicy,
  commit: SlotCommit,
): PairCache {
  const { kept, move } = commitSlots(before, after, policy, commit);
  return { keys: move(after.keys), values: move(after.values), ...kept };
}
