import { drawOf } from './random-draw.ts';

/** Numbers of a moon: where it stands on its circle. */
export const perMoon = 2;

/** Three moons on circles, `[T, 6]`: each goes round in so many steps, from where it stands by chance. */
export function moonsOf(periods: readonly number[], length: number, key: readonly [number, number]): number[][] {
  const { unit } = drawOf(key);
  const phases = periods.map(() => unit());
  return Array.from({ length }, (_, t) =>
    periods.flatMap((period, moon) => {
      const angle = 2 * Math.PI * (phases[moon]! + t / period);
      return [Math.cos(angle), Math.sin(angle)];
    }),
  );
}

/** Periods of three moons, each drawn from a range. */
export function drawnPeriods([shortest, longest]: readonly [number, number], key: readonly [number, number]): number[] {
  const { below } = drawOf(key);
  return Array.from({ length: 3 }, () => shortest + below(longest - shortest + 1));
}

/** After so many steps all moons stand where they stood. */
export function jointPeriod(periods: readonly number[]): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  return periods.reduce((a, b) => (a * b) / divisor(a, b), 1);
}

/** Mean square of the differences of two lists of points. */
export function meanSquare(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum / a.length;
}

/** How much of each row block of a matrix falls on each moon: `[heads, moons]`, rows of which sum to 1. */
export function sharesOfMoons(
  weight: ArrayLike<number>,
  { heads, moons, rowsAreHeads }: { readonly heads: number; readonly moons: number; readonly rowsAreHeads: boolean },
): number[][] {
  const D = moons * perMoon;
  const width = weight.length / D / heads;
  return Array.from({ length: heads }, (_, head) => {
    const energy = new Array<number>(moons).fill(0);
    for (let d = head * width; d < (head + 1) * width; d++)
      for (let channel = 0; channel < D; channel++) {
        const value = rowsAreHeads ? weight[d * D + channel]! : weight[channel * heads * width + d]!;
        energy[Math.floor(channel / perMoon)]! += value ** 2;
      }
    const total = energy.reduce((sum, each) => sum + each, 0);
    return energy.map((each) => each / total);
  });
}
