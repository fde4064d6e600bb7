/** How far numbers are from a reference. */
export interface Difference {
  readonly maxAbsDiff: number;
  readonly maxAbsReference: number;
  /** `maxAbsDiff / maxAbsReference` */
  readonly relative: number;
}

/** The largest difference and the largest number of the reference. A NaN on either side makes the difference NaN. */
export function difference(ours: ArrayLike<number>, reference: ArrayLike<number>): Difference {
  let maxAbsDiff = 0;
  let maxAbsReference = 0;
  for (let at = 0; at < reference.length; at++) {
    const off = Math.abs(ours[at]! - reference[at]!);
    // Equal infinities, such as masked scores, do not differ.
    if (!(off <= maxAbsDiff) && ours[at] !== reference[at]) maxAbsDiff = Number.isNaN(maxAbsDiff) ? maxAbsDiff : off;
    const size = Math.abs(reference[at]!);
    if (size > maxAbsReference && size !== Infinity) maxAbsReference = size;
  }
  return { maxAbsDiff, maxAbsReference, relative: maxAbsDiff === 0 ? 0 : maxAbsDiff / maxAbsReference };
}

/** True when no number is further off than `tolerance` times the largest of the reference. */
export function within({ maxAbsDiff, maxAbsReference }: Difference, tolerance: number): boolean {
  return maxAbsDiff <= tolerance * maxAbsReference;
}
