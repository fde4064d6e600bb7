/** Whether counts fit probabilities, at 10⁻⁴. Cells of which fewer than 5 are expected are taken together. */
export function chiSquare(
  counts: ArrayLike<number>,
  probabilities: ArrayLike<number>,
): { readonly statistic: number; readonly limit: number } {
  let runs = 0;
  for (let cell = 0; cell < counts.length; cell++) runs += counts[cell]!;
  let statistic = 0;
  let cells = 0;
  const rest = { count: 0, expected: 0 };
  for (let cell = 0; cell < counts.length; cell++) {
    const expected = runs * probabilities[cell]!;
    if (expected === 0 && counts[cell]! > 0) return { statistic: Infinity, limit: 0 };
    if (expected < 5) {
      rest.count += counts[cell]!;
      rest.expected += expected;
      continue;
    }
    cells++;
    statistic += (counts[cell]! - expected) ** 2 / expected;
  }
  if (rest.expected >= 5) {
    cells++;
    statistic += (rest.count - rest.expected) ** 2 / rest.expected;
  }
  // Wilson and Hilferty's approximation of the quantile; 3.719 is that of the normal distribution.
  const freedom = cells - 1;
  const limit = freedom * (1 - 2 / (9 * freedom) + 3.719 * Math.sqrt(2 / (9 * freedom))) ** 3;
  return { statistic, limit };
}
