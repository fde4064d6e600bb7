import type { Tensor } from '@tessera/tensor-core';
import { reshape, slice } from '@tessera/tensor-core';

/**
 * Where the rows of rounds stand, on the device: `[B, 3]`, i32. The last token, which no round has read yet; how many tokens were
 * generated; how many more may be. A row that may have none rests.
 */
export const standing = { last: 0, step: 1, left: 2 } as const;

/**
 * What a round tells, `[B, 3 N + 3]`, i32: the tokens chosen after its entries, their statuses, what was proposed after each of them, N
 * places for each, and these: how many tokens were proposed, how many of them were what was chosen, and how many of the chosen ones the
 * text got. N is the same for all rounds of a text, so that what reads it does not depend on how long a round was.
 */
export const toldOfRound = { drafted: 0, accepted: 1, kept: 2 } as const;

/** Numbers of {@link toldOfRound} behind tokens and statuses. */
const toldNumbers = 3;

/** How many numbers a row a round tells that has n places. */
export function widthOfTold(n: number): number {
  return 3 * n + toldNumbers;
}

/** Places of a round that tells so many numbers a row. */
export function placesOfTold(numbers: number): number {
  return (numbers - toldNumbers) / 3;
}

/** One column `[B]` of `[B, …]`. */
export function numberOf(rows: Tensor, column: number): Tensor {
  return reshape(slice(rows, 1, column, column + 1), [rows.shape[0]!]);
}
