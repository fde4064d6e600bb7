import { anglesOf } from '@tessera/head-projections';
import type { RotaryConfig } from '@tessera/head-projections';
import { rotary } from '@tessera/ops';
import type { AttentionCall } from '@tessera/ops';
import type { CacheReading } from '@tessera/plugin';
import { expandDims, less, neg, or, where, greaterEqual, iota } from '@tessera/tensor-core';
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
  config: RotaryConfig | undefined,
  { pinned: slots, back, window, from }: CacheReading,
): Sight {
  return {
    q,
    keyPositions: from ? forgetBefore(keyPositions, from, slots) : keyPositions,
    window,
    pinned: slots === 0 ? undefined : { slots, q: turnedBack(q, back, config) },
  };
}

/** −1 in slots that hold positions before `from [B]`, pinned slots aside. */
function forgetBefore(keyPositions: Tensor, from: Tensor, pinned: number): Tensor {
  const stays = less(iota([1, keyPositions.shape[1]!], 1), pinned);
  return where(or(stays, greaterEqual(keyPositions, expandDims(from, 1))), keyPositions, -1);
}

/** Rotated queries as they would be `back [B, n]` positions before. Rotations add, and this is one, so nothing accumulates. */
function turnedBack(q: Tensor, back: Tensor, config: RotaryConfig | undefined): Tensor {
  if (!config) return q;
  const settings = { ...(config as Required<RotaryConfig>), attentionFactor: 1 }; // q has it
  const { cos, sin } = anglesOf(settings, q.shape[3]!, back);
  return rotary(q, { cos, sin: neg(sin) }, settings.order);
}
