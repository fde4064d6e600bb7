/** A quantity that was measured several times. */
export interface Statistics {
  readonly median: number;
  /** First quartile. */
  readonly low: number;
  /** Third quartile. */
  readonly high: number;
  readonly min: number;
  /** How often it was measured. */
  readonly n: number;
}

/** Median, quartiles and least of some measurements; between two of them by their distance. */
export function statisticsOf(values: readonly number[]): Statistics {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (part: number): number => {
    const place = part * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!);
  };
  return { median: at(0.5), low: at(0.25), high: at(0.75), min: sorted[0]!, n: sorted.length };
}

/** What is left of a rate when its time is known: the quartiles change places. */
export function ratesOf(times: Statistics, amount: number): Statistics {
  const { median, low, high, min, n } = times;
  return { median: amount / median, low: amount / high, high: amount / low, min: amount / min, n };
}

/** The straight line nearest to some points: what one more of x costs, and what it costs without any. */
export function lineThrough(points: readonly (readonly [x: number, y: number])[]): {
  readonly slope: number;
  readonly start: number;
} {
  const mean = (pick: 0 | 1): number => points.reduce((sum, point) => sum + point[pick], 0) / points.length;
  const [x0, y0] = [mean(0), mean(1)];
  const across = points.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
  const along = points.reduce((sum, [x]) => sum + (x - x0) ** 2, 0);
  const slope = across / along;
  return { slope, start: y0 - slope * x0 };
}
