import { kthLargest } from './kth-largest.ts';

/** The least logit among the k largest; −∞ when that is all of them. Tokens equal to it are kept too. */
export function topKLimit(logits: Float32Array, k: number): number {
  return k <= 0 || k >= logits.length ? -Infinity : kthLargest(logits, k);
}
