import type { Candidates } from './candidates.ts';
import { candidatesOf, totalOf } from './candidates.ts';
import { minP } from './min-p.ts';
import { processLogits } from './process-logits.ts';
import type { SamplingOptions } from './sampling-options.ts';
import { temperatureOf } from './sampling-options.ts';
import type { TokenHistory } from './token-history.ts';
import { topKLimit } from './top-k.ts';
import { topP } from './top-p.ts';
import { typicalP } from './typical-p.ts';

/** The tokens that may be chosen now: one at temperature 0. */
export function candidates(logits: Float32Array, history: TokenHistory, options: SamplingOptions): Candidates {
  const { processed, peak } = processLogits(logits, history, options);
  const temperature = temperatureOf(options);
  if (temperature === 0)
    return { ids: Int32Array.of(peak.id), logits: Float32Array.of(peak.logit), weights: Float64Array.of(1) };
  const least = topKLimit(processed, options.topK ?? 0); // the temperature does not change which k are the largest
  let left = candidatesOf(processed, least, peak.logit, temperature);
  left = topP(left, options.topP ?? 1);
  left = minP(left, options.minP ?? 0);
  return typicalP(left, options.typicalP ?? 1);
}

/**
 * Probabilities of the next token `[vocabSize]` after all of {@link SamplingOptions}: what {@link selectToken} draws from, and
 * what speculative decoding compares. At temperature 0 all of it lies on one token.
 * @param logits - of one row `[vocabSize]`, as the model made them; left as they are
 * @throws {@link NumericalError} when a logit is NaN or +∞, or no token is left; names the step
 * @throws {@link UnsupportedOptionError} when an option names an id outside the vocabulary
 */
export function processedDistribution(
  logits: Float32Array,
  history: TokenHistory,
  options: SamplingOptions = {},
): Float32Array {
  const { ids, weights } = candidates(logits, history, options);
  const total = totalOf(weights);
  const probabilities = new Float32Array(logits.length);
  for (let place = 0; place < ids.length; place++) probabilities[ids[place]!] = weights[place]! / total;
  return probabilities;
}
