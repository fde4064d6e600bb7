/** The k-th largest value, k from 1 to the length: splits around a pivot, so linear in the length on average, no sort. */
export function kthLargest(values: Float32Array, k: number): number {
  const rest = values.slice();
  let from = 0;
  let to = rest.length;
  for (;;) {
    const pivot = rest[(from + to) >> 1]!;
    // Larger ones go before `above`, smaller ones from `below` on, equal ones between.
    let above = from;
    let below = to;
    for (let i = from; i < below;) {
      const value = rest[i]!;
      if (value > pivot) {
        rest[i++] = rest[above]!;
        rest[above++] = value;
      } else if (value < pivot) {
        rest[i] = rest[--below]!;
        rest[below] = value;
      } else i++;
    }
    if (k <= above) to = above;
    else if (k <= below) return pivot;
    else from = below;
  }
}
