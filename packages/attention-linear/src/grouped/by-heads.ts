import type { Tensor } from '@tessera/tensor-core';
import { permute, reshape } from '@tessera/tensor-core';

/** Keys or values `[B, m, P, ·]` with the heads before the entries, `[B, P, m, ·]`. */
export function keysByHead(x: Tensor): Tensor {
  return permute(x, [0, 2, 1, 3]);
}

/** Queries `[B, n, H, K]` by the P heads of keys that they share, `[B, P, H / P, n, K]`. */
export function queriesByHead(q: Tensor, P: number): Tensor {
  const [B, n, H, K] = q.shape as [number, number, number, number];
  return permute(reshape(q, [B, n, P, H / P, K]), [0, 2, 3, 1, 4]);
}

/** Undoes {@link queriesByHead}. */
export function fromHeads(o: Tensor): Tensor {
  const [B, P, shared, n, V] = o.shape as [number, number, number, number, number];
  return reshape(permute(o, [0, 3, 1, 2, 4]), [B, n, P * shared, V]);
}

/** `[…, shared, n, ·]` as the rows of one matrix, `[…, shared · n, ·]`. */
export function mergeShared(x: Tensor): Tensor {
  const [shared, n, last] = x.shape.slice(-3) as [number, number, number];
  return reshape(x, [...x.shape.slice(0, -3), shared * n, last]);
}

/** Undoes {@link mergeShared}. */
export function splitShared(x: Tensor, shared: number): Tensor {
  const [rows, last] = x.shape.slice(-2) as [number, number];
  return reshape(x, [...x.shape.slice(0, -2), shared, rows / shared, last]);
}
