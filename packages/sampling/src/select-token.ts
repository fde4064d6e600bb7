import { candidates } from './distribution.ts';
import type { TokenProbability } from './logprobs.ts';
import { logprobOf } from './logprobs.ts';
import type { SamplingOptions } from './sampling-options.ts';
import type { TokenHistory } from './token-history.ts';
import { placeOf, uniformOf } from './uniform.ts';

/**
 * Chooses the next token of one row. Equal logits, history, options and seed give the same token everywhere.
 *
 * {@includeCode ../examples/choose.ts#choose}
 * @param logits - of the row `[vocabSize]`, as the model made them; left as they are
 * @returns the token, and its log-probability under the model itself, before any option
 * @throws {@link NumericalError} when a logit is NaN or +∞, or no token is left; names the step
 * @throws {@link UnsupportedOptionError} when an option names an id outside the vocabulary
 */
export function selectToken(
  logits: Float32Array,
  history: TokenHistory,
  options: SamplingOptions = {},
): TokenProbability {
  const { ids, weights } = candidates(logits, history, options);
  const step = history.generated.length;
  const u = ids.length === 1 ? 0 : uniformOf({ seed: options.seed ?? 0, step, row: history.row });
  const id = ids[placeOf(weights, u)]!;
  return { id, logprob: logprobOf(logits, id, step) };
}
