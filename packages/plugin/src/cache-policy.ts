import type { Tensor } from '@tessera/tensor-core';
import { rem } from '@tessera/tensor-core';

/**
 * Which slot of a growing cache an entry takes. A pure function of the entry's number, so that eviction is a change of the
 * map and never a copy of the cache.
 */
export interface CachePolicy {
  readonly name: string;
  /** Slots to allocate. */
  slots(size: { readonly capacity: number; readonly chunk: number }): number;
  /** Slot of each entry by its number in its row, i32 → i32 of the same shape. */
  slotOf(entry: Tensor, slots: number): Tensor;
}

/** One slot after another, none used twice. */
export const contiguousCache: CachePolicy = {
  name: 'contiguous',
  slots: ({ capacity }) => capacity,
  slotOf: (entry) => entry,
};

/**
 * A ring for layers that see only the last `window` entries, the newest included. A step of up to `chunk` entries never
 * overwrites what an entry before or in it can see, nor what is needed if all of it is rejected.
 */
export function windowCache(window: number): CachePolicy {
  return {
    name: `window ${window}`,
    slots: ({ capacity, chunk }) => Math.min(capacity, window - 1 + chunk),
    slotOf: (entry, slots) => rem(entry, slots),
  };
}
