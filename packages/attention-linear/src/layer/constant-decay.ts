import type { Tensor } from '@tessera/tensor-core';
import { broadcastTo, fromHost } from '@tessera/tensor-core';

/** The same log decay for each entry, a number for each head: `[B, n, H]`. */
export function constantDecay(logDecays: readonly number[], [B, n]: readonly number[]): Tensor {
  const H = logDecays.length;
  return broadcastTo(fromHost(Float64Array.from(logDecays), [1, 1, H]), [B!, n!, H]);
}
