/** How far one of two curves is from the other, where it is closest to its limit. */
export interface Deviation {
  /** |made − expected| / |expected| of the worst step. */
  readonly relative: number;
  /** What is allowed there. */
  readonly tolerance: number;
  /** From 1. */
  readonly step: number;
  readonly made: number;
  readonly expected: number;
  readonly ok: boolean;
}

/** Losses may be off by 0.2 % up to step 40, then by 0.5 %. */
export const lossTolerance = (step: number): number => (step <= 40 ? 0.002 : 0.005);

/** Gradient norms may be off by 1 % for 20 steps, then by 15 %: the reference itself spreads as far when it is perturbed. */
export const normTolerance = (step: number): number => (step <= 20 ? 0.01 : 0.15);

/** The step that takes most of its tolerance. */
export function worstDeviation(
  made: readonly number[],
  expected: readonly number[],
  toleranceAt: (step: number) => number,
): Deviation {
  const all = made.map((value, index): Deviation => {
    const relative = Math.abs(value - expected[index]!) / Math.abs(expected[index]!);
    const tolerance = toleranceAt(index + 1);
    const ok = relative <= tolerance;
    return { relative, tolerance, step: index + 1, made: value, expected: expected[index]!, ok };
  });
  return all.reduce((worst, next) =>
    next.relative / next.tolerance > worst.relative / worst.tolerance ? next : worst,
  );
}
