import type { ModelSpec } from '@tessera/plugin';
import { ContextOverflowError, ShapeError } from '@tessera/tensor-core';

/** @throws {@link ShapeError} naming an id outside the vocabulary */
export function checkIds(ids: readonly number[], vocabSize: number, where: string): void {
  ids.forEach((id, index) => {
    if (!Number.isInteger(id) || id < 0 || id >= vocabSize)
      throw new ShapeError(`${where}: token ${index} has id ${id}, and the vocabulary has ids 0 to ${vocabSize - 1}.`, {
        facts: { where, index, id, vocabSize },
      });
  });
}

/**
 * Checks rows of ids of one length.
 * @param least - how many ids a row needs
 * @throws {@link ShapeError} when there are none, they differ in length, are too short, or an id is outside the vocabulary
 */
export function checkRows(rows: readonly (readonly number[])[], vocabSize: number, least: number): void {
  const length = rows[0]?.length ?? 0;
  if (rows.some((row) => row.length !== length))
    throw new ShapeError(`rows have ${rows.map((row) => row.length).join(', ')} tokens. Give them one length.`);
  if (length < least)
    throw new ShapeError(
      `${rows.length} rows of ${length} tokens, expected at least 1 row and ${least} token${least === 1 ? '' : 's'} in each.`,
      { facts: { rows: rows.length, length, least } },
    );
  rows.forEach((row, index) => checkIds(row, vocabSize, `row ${index}`));
}

/**
 * Checks that positions are inside a table of learned ones, where the model has one: past it there is nothing to look up.
 * @throws {@link ContextOverflowError} with both numbers
 */
export function checkLearnedPositions({ embedding }: ModelSpec, positions: number, what: string): void {
  const learned = embedding?.positions;
  if (learned !== undefined && positions > learned)
    throw new ContextOverflowError(
      `${what} ${positions} positions, and the model has learned ${learned}. Ask for at most that many.`,
      { facts: { positions, learned } },
    );
}
