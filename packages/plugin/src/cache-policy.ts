import type { Tensor } from '@tessera/tensor-core';
import { expandDims, greaterEqual, iota, less, or, rem, where } from '@tessera/tensor-core';

/** A step that is about to read a cache. */
export interface CacheReadCall {
  /** Position of each entry of the step, `[B, n]`, i32. */
  readonly positions: Tensor;
  /** Entries of the step that count, `[B]`, i32. */
  readonly lengths: Tensor;
  /** Entries of each row before the step, `[B]`, i32. */
  readonly count: Tensor;
  readonly slots: number;
  /** True when the entries are nodes of a tree. */
  readonly tree: boolean;
}

/** How a step reads a cache of which entries were evicted. All of it is data on the device. */
export interface CacheReading {
  /** Slots from the first whose entries stay and are seen from everywhere. */
  readonly pinned: number;
  /**
   * How much nearer each entry of the step is to pinned entries than by its position, `[B, n]`, i32: a query at position t meets
   * them as one at t − back.
   */
  readonly back: Tensor;
  /** Entries see others, pinned ones aside, at a distance below this. Absent: at any. */
  readonly window?: number;
  /** First position that is seen, pinned ones aside, `[B]`, i32. Absent: all are. */
  readonly from?: Tensor;
}

/**
 * Which slot of a growing cache an entry takes, and which entries a step sees. Slots are a pure function of the entry's number, so that
 * eviction is a change of the map and never a copy of the cache.
 */
export interface CachePolicy {
  readonly name: string;
  /** Slots to allocate. */
  slots(size: { readonly capacity: number; readonly chunk: number }): number;
  /** Slot of each entry by its number in its row, i32 → i32 of the same shape. */
  slotOf(entry: Tensor, slots: number): Tensor;
  /**
   * What a step sees of the cache once its own entries are in it. Absent: everything up to each entry. Mixers that honour it say so by
   * `followsPolicy`.
   * @throws {@link UnsupportedOptionError} when the step brings more entries than there is room for
   */
  read?(call: CacheReadCall): CacheReading;
  /** True when a sequence may go on without end: the slots do not depend on the capacity. @defaultValue false */
  readonly endless?: boolean;
  /**
   * Why a model cannot be read under this policy, as a sentence, or what is odd about it. Asked when the model is assembled.
   */
  check?(model: CachedModel): { readonly refused?: string; readonly warning?: string };
}

/** What a policy is told of a model. */
export interface CachedModel {
  /** Positions that it was made for. */
  readonly maxPositions: number;
  /** Rows of a table of learned positions that is added to tokens; absent: none. */
  readonly learnedPositions?: number | undefined;
}

/** Positions of slots as a step sees them, `[B, S]`: −1 in slots whose entry was evicted. */
export function seenPositions(positions: Tensor, { pinned, from }: CacheReading): Tensor {
  if (!from) return positions;
  const stays = less(iota([1, positions.shape[1]!], 1), pinned);
  return where(or(stays, greaterEqual(positions, expandDims(from, 1))), positions, -1);
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
