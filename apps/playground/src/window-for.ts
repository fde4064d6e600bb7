/** The usual window: with four sinks it makes 256 positions. */
const usualWindow = 252;

/** Recent tokens that a model sees beside its sinks when the person leaves it open: what fits its positions. */
export function windowFor(positions: number, sinks: number): number {
  return Math.max(1, Math.min(usualWindow, positions - sinks));
}
