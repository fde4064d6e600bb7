/** Columns of the curve: a value for each step, null where there is none. */
export type CurveData = [
  steps: number[],
  losses: (number | null)[],
  mean: (number | null)[],
  validation: (number | null)[],
];

/** Steps over which the running mean reaches, once there are enough. */
const reach = 20;

/**
 * A running mean of the losses, which shows where they go. It reaches over few steps at the beginning, where losses fall
 * quickly, and over some twenty later.
 */
export function runningMean(losses: readonly number[]): number[] {
  let mean = 0;
  return losses.map((loss, index) => (mean += (loss - mean) / Math.min(reach, 1 + index / 4)));
}

/**
 * Losses of the steps and of evaluations as columns. Of long trainings every n-th step is drawn, and every evaluation, since a
 * screen has no more columns.
 * @param losses - of the steps from the first on
 */
export function curveData(
  losses: readonly number[],
  evaluations: readonly { readonly step: number; readonly loss: number }[],
  mostPoints = 2000,
): CurveData {
  const every = Math.max(1, Math.ceil(losses.length / mostPoints));
  const mean = runningMean(losses);
  const measured = new Map(evaluations.map(({ step, loss }) => [step, loss]));
  const data: CurveData = [[], [], [], []];
  for (let step = 1; step <= losses.length; step++) {
    if ((step - 1) % every !== 0 && step !== losses.length && !measured.has(step)) continue;
    data[0].push(step);
    data[1].push(losses[step - 1]!);
    data[2].push(mean[step - 1]!);
    data[3].push(measured.get(step) ?? null);
  }
  return data;
}
