import type { Tensor } from '@tessera/tensor-core';
import { broadcastTo, expandDims, reshape } from '@tessera/tensor-core';

/** Each of P heads for the H / P one after another that share it: `x [B, n, P, K]` → `[B, n, H, K]`. */
export function repeatHeads(x: Tensor, H: number): Tensor {
  const [B, n, P, K] = x.shape as [number, number, number, number];
  return P === H ? x : reshape(broadcastTo(expandDims(x, 3), [B, n, P, H / P, K]), [B, n, H, K]);
}
