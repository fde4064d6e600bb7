import type { Device } from '@tessera/tensor-core';

/**
 * What one more token takes in the pass that verifies, in steps: on the CPU it is arithmetic, on a GPU the weights are read anyway, and
 * only arithmetic and activations come on top.
 */
export function verifyCost({ onHost }: Pick<Device, 'onHost'>): number {
  return onHost ? 0.4 : 0.06;
}

/** What a round with a draft takes on a device beside its tokens, in steps: the tests, and what is taken back. */
export const roundCost = 0.05;

/** Of as many entries products still go row by row, beside the weights that they read. */
const fewEntries = 8;

/**
 * Lengths of drafts, ascending: few, since each is programs to compile; and with the token before them no longer than what a GPU takes
 * at once, as long as nobody asks for more.
 */
export function deviceLengths(longest: number): number[] {
  const few = [1, 2, 3, 5, fewEntries - 1].filter((length) => length < longest);
  return longest <= fewEntries ? [...few, longest].filter((length) => length < fewEntries) : [...few, longest];
}
