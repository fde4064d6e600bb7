import { ancestors } from '@tessera/ops';
import type { CachePolicy, SlotCommit, SlotEntries, Slots } from '@tessera/plugin';
import { commitSlots, emptySlots, slotBytes, slotsSeen, takeSlots } from '@tessera/plugin';
import { zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Keys and values of past positions, in slots. */
export interface KeyValueCache extends Slots {
  /** `[B, S, G, d]`, rotated. */
  readonly k: Tensor;
  /** `[B, S, G, d]` */
  readonly v: Tensor;
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
  const rows = [batch, slots, kvHeads, headDim];
  return { k: zeros(rows), v: zeros(rows), ...emptySlots(batch, slots) };
}

/** Bytes of {@link emptyCache}. */
export function cacheBytes({ batch, slots, kvHeads, headDim }: CacheSizes): number {
  return slotBytes({ batch, slots, elements: 2 * kvHeads * headDim });
}

/** The cache with the entries of a step, and the slot of each of them `[B, n]` (−1: it does not count). */
export function appendToCache(
  cache: KeyValueCache,
  policy: CachePolicy,
  { k, v, ...entries }: SlotEntries & Pick<KeyValueCache, 'k' | 'v'>,
): { cache: KeyValueCache; slots: Tensor } {
  const { after, slots, write } = takeSlots(cache, policy, entries);
  return { cache: { k: write(cache.k, k), v: write(cache.v, v), ...after }, slots };
}

/** What each of n tree nodes may see of the slots, `[B, n, S]`: everything older than the step, and its own ancestors. */
export function treeMask(parents: Tensor, slots: Tensor, capacity: number): Tensor {
  return slotsSeen(ancestors(parents), slots, capacity);
}

/** Moves the rows of the accepted path into consecutive slots and forgets the other rows of the step. */
export function commitCache(
  before: Pick<Slots, 'count'>,
  after: KeyValueCache,
  policy: CachePolicy,
  commit: SlotCommit,
): KeyValueCache {
  const { kept, move } = commitSlots(before, after, policy, commit);
  return { k: move(after.k), v: move(after.v), ...kept };
}
