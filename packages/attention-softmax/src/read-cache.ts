import type { AttentionCall } from '@tessera/ops';
import type { CacheReading } from '@tessera/plugin';
import { seenPositions } from '@tessera/plugin';
import { sub } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Positions of queries where they meet pinned entries, `[B, n]`; undefined: nothing is pinned. */
export function standing(positions: Tensor, reading: CacheReading | undefined): Tensor | undefined {
  return reading && reading.pinned > 0 ? sub(positions, reading.back) : undefined;
}

/**
 * Who sees what of a cache that a policy reads. Keys are rotated by their own positions, once, from exact tables, so that the distance of
 * recent entries needs nothing more; queries that meet pinned entries are rotated to where they stand in the cache.
 * @param keyPositions - `[B, S]`
 * @param q - queries at {@link standing}, `[B, n, H, d]`
 */
export function readCache(
  keyPositions: Tensor,
  reading: CacheReading,
  q: Tensor | undefined,
): Pick<AttentionCall, 'keyPositions' | 'window' | 'pinned'> {
  return {
    keyPositions: seenPositions(keyPositions, reading),
    window: reading.window,
    pinned: q && { slots: reading.pinned, q },
  };
}
