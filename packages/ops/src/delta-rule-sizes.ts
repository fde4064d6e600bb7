import type { TensorType } from '@tessera/tensor-core';

/** Sizes of a call of the delta rule: batch, entries, key heads, value heads, elements of a key and of a value. */
export interface DeltaRuleSizes {
  readonly B: number;
  readonly T: number;
  readonly P: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
}

/** The sizes, from `q [B, T, P, K]` and `v [B, T, H, V]`, the first and the third input. */
export function deltaRuleSizes([q, , v]: readonly Pick<TensorType, 'shape'>[]): DeltaRuleSizes {
  const [B, T, P, K] = q!.shape as [number, number, number, number];
  const [, , H, V] = v!.shape as [number, number, number, number];
  return { B, T, P, H, K, V };
}
