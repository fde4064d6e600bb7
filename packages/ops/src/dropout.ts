import type { Tensor } from '@tessera/tensor-core';
import { greaterEqual, mul, randomBits, shiftRight, where } from '@tessera/tensor-core';

/** Which elements are dropped. */
export interface Dropout {
  /** Of each element, from 0 up to 1. */
  readonly probability: number;
  /** Key of random numbers, `[2]`, u32: what is dropped follows from it and the place of an element alone. */
  readonly key: Tensor;
}

/** Random words are compared by their upper bits, as whole numbers: the same on every device and at every precision. */
const bits = 24;

/**
 * Sets elements to zero with a probability p, and multiplies the others by 1 / (1 − p), so that the mean stays.
 * @param x - `[…]`
 * @returns `[…]`; `x` itself for p = 0
 * @see Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from Overfitting".
 */
export function dropout(x: Tensor, { probability: p, key }: Dropout): Tensor {
  if (p === 0) return x;
  const kept = greaterEqual(shiftRight(randomBits(key, x.shape), 32 - bits), Math.round(p * 2 ** bits));
  return where(kept, mul(x, p < 1 ? 1 / (1 - p) : 0), 0);
}
