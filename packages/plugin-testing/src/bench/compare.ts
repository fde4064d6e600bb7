import type { RowValues } from './rows.ts';

/** Where two results differ most, in words and as facts. */
export interface Difference {
  readonly text: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

/**
 * The first value that is not as expected, or nothing.
 * @param tolerance - 0: equal to the bit (zeros of either sign are equal)
 */
export function findDifference(actual: RowValues, expected: RowValues, tolerance: number): Difference | undefined {
  for (const [row, positions] of expected.entries()) {
    const largest = positions.reduce((most, values) => Array.from(values).reduce(larger, most), 1);
    for (const [position, values] of positions.entries())
      for (let channel = 0; channel < values.length; channel++) {
        const is = actual[row]?.[position]?.[channel];
        const should = values[channel]!;
        const difference = Math.abs((is ?? NaN) - should);
        if (is === should || difference <= tolerance * largest) continue;
        const within = tolerance === 0 ? 'to the bit' : `within ${tolerance * largest}`;
        return {
          text: `row ${row}, position ${position}, channel ${channel} is ${is}, expected ${should} ${within} (difference ${difference})`,
          facts: { row, position, channel, actual: is, expected: should, difference, tolerance: tolerance * largest },
        };
      }
  }
  return undefined;
}

function larger(most: number, value: number): number {
  return Math.max(most, Math.abs(value));
}
