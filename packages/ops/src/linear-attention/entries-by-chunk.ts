import type { Tensor } from '@tessera/tensor-core';
import { pad, permute, reshape, slice } from '@tessera/tensor-core';

/** `x [B, T, H, …]` as chunks of C entries, `[N, B, H, C, …]`. Zeros at the end neither decay nor write. */
export function toChunks(x: Tensor, C: number): Tensor {
  const [B, T, H, ...rest] = x.shape as [number, number, number, ...number[]];
  const N = Math.ceil(T / C);
  const padded = reshape(pad(x, 1, 0, N * C - T), [B, N, C, H, ...rest]);
  return permute(padded, [1, 0, 3, 2, ...rest.map((_, axis) => axis + 4)]);
}

/** The first T entries of chunks `[N, B, H, C, …]`, `[B, T, H, …]`. */
export function fromChunks(x: Tensor, T: number): Tensor {
  const [N, B, H, C, ...rest] = x.shape as [number, number, number, number, ...number[]];
  const entries = permute(x, [1, 0, 3, 2, ...rest.map((_, axis) => axis + 4)]);
  return slice(reshape(entries, [B, N * C, H, ...rest]), 1, 0, T);
}
