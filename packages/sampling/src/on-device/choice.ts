import { concat, slice } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { brokenLogits } from '../check-logits.ts';

/**
 * A choice is `[B, 3]`, i32: the chosen id, a status, and how many tokens were chosen so far. With a status other than
 * `fine` the id is that of the first logit that is no number, or 0.
 */
export const choiceColumns = 3;

/** What a choice found. The numbers stand in shaders, too. */
export const status = {
  fine: 0,
  brokenModel: 1,
  emptyModel: 2,
  brokenOptions: 3,
  emptyOptions: 4,
} as const;

/** A choice from its columns, `[B, 1]` each. */
export function choiceOf(id: Tensor, found: Tensor, step: Tensor): Tensor {
  return concat([id, found, step], 1);
}

/** One column of a choice or of settings, `[B, 1]`. */
export function column(rows: Tensor, index: number): Tensor {
  return slice(rows, 1, index, index + 1);
}

/**
 * The ids of a choice that was read back, a row each.
 * @param data - of a choice `[B, 3]`
 * @throws {@link NumericalError} when a logit was NaN or +∞, or all were −∞; names the step
 */
export function chosenIds(data: ArrayLike<number>, vocabSize: number): number[] {
  const ids: number[] = [];
  for (let at = 0; at < data.length; at += choiceColumns) {
    const [id, found, step] = [data[at]!, data[at + 1]!, data[at + 2]! - 1];
    ids.push(id);
    if (found === status.fine) continue;
    const source = found === status.brokenModel || found === status.emptyModel ? 'the model' : 'the sampling options';
    const broken = found === status.brokenModel || found === status.brokenOptions;
    throw brokenLogits({ step, source, vocabSize, ...(broken && { tokenId: id, actual: 'NaN or Infinity' }) });
  }
  return ids;
}
