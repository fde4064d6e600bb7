import { setImmediate } from 'node:timers/promises';
import type { Model } from '@tessera/assembler';
import { NumericalError } from '@tessera/tensor-core';
import type { Slice } from './slices.ts';

/** How well a text is predicted. */
export interface Score {
  /** Sum of −ln p over the tokens, in double precision. */
  readonly total: number;
  /** Tokens scored. */
  readonly tokens: number;
}

/** Scores slices one by one. Aborts within one of them. */
export async function scoreSlices(
  model: Model,
  slices: readonly Slice[],
  signal: AbortSignal,
  onScored: (score: Score) => void,
): Promise<Score> {
  let score: Score = { total: 0, tokens: 0 };
  for (const { tokens, scored } of slices) {
    signal.throwIfAborted();
    const losses = (await model.lossOf([tokens])).subarray(-scored);
    const total = losses.reduce((sum, loss) => sum + loss, score.total);
    if (!Number.isFinite(total))
      throw new NumericalError(
        'The loss of a token is no finite number. Try --dtype fp32; if that does not help, the weights are broken.',
      );
    score = { total, tokens: score.tokens + scored };
    onScored(score);
    // Lets Ctrl-C through where the work itself never waits.
    await setImmediate();
  }
  return score;
}
