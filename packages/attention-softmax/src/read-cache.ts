import { turnedBack } from '@tessera/head-projections';
import type { RotaryConfig } from '@tessera/head-projections';
import type { AttentionCall } from '@tessera/ops';
import type { CacheReading } from '@tessera/plugin';
import { seenPositions } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/** Who sees what of a cache. */
type Sight = Pick<AttentionCall, 'q' | 'keyPositions' | 'window' | 'pinned'>;

/**
 * Attention over a cache as a policy reads it. Keys are rotated by their own positions, once, from exact tables, so that the distance of
 * recent entries needs nothing more; queries that meet pinned entries are turned back to where they stand in the cache.
 * @param q - rotated, `[B, n, H, d]`
 * @param keyPositions - `[B, S]`
 */
export function readCache(
  q: Tensor,
  keyPositions: Tensor,
  rotary: RotaryConfig | undefined,
  reading: CacheReading,
): Sight {
  const { pinned: slots, back, window } = reading;
  return {
    q,
    keyPositions: seenPositions(keyPositions, reading),
    window,
    pinned: slots === 0 ? undefined : { slots, q: turnedBack(q, back, rotary) },
  };
}
