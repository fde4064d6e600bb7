import type { Sample } from './kernel-case.ts';

/** The largest difference from what was expected, as a part of the largest expected value; infinite when it is no number. */
export function errorOf(samples: readonly Sample[], actual: ArrayLike<number>): number {
  let worst = 0;
  let largest = 0;
  for (const { index, value } of samples) {
    const difference = Math.abs(value - actual[index]!);
    if (Number.isNaN(difference)) return Infinity;
    worst = Math.max(worst, difference);
    largest = Math.max(largest, Math.abs(value));
  }
  return worst / Math.max(largest, Number.MIN_VALUE);
}
