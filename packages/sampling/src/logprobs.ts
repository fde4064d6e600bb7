import { peakOf } from './check-logits.ts';
import { kthLargest } from './kth-largest.ts';

/** A token and the natural logarithm of its probability. */
export interface TokenProbability {
  readonly id: number;
  /** At most 0; −∞ for a token that the model excludes. */
  readonly logprob: number;
}

/** log Σ e^logit in double precision. */
function logTotal(logits: Float32Array, largest: number): number {
  let total = 0;
  for (let id = 0; id < logits.length; id++) total += Math.exp(logits[id]! - largest);
  return largest + Math.log(total);
}

/**
 * The `k` most likely tokens, the likeliest first, of equal ones the lowest id first. Probabilities are those of the model
 * itself: no temperature, penalty or other option counts.
 * @param logits - of one row `[vocabSize]`
 * @param step - named in errors
 * @throws {@link NumericalError} when a logit is NaN or +∞, or all are −∞
 */
export function topLogprobs(logits: Float32Array, k: number, step = 0): TokenProbability[] {
  const { logit } = peakOf(logits, step, 'the model');
  const total = logTotal(logits, logit);
  const count = Math.min(k, logits.length);
  if (count <= 0) return [];
  const least = kthLargest(logits, count);
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) if (logits[id]! >= least) best.push(id);
  best.sort((a, b) => logits[b]! - logits[a]! || a - b);
  return best.slice(0, count).map((id) => ({ id, logprob: logits[id]! - total }));
}

/** Natural logarithm of a token's probability under the model itself: no option counts. */
export function logprobOf(logits: Float32Array, id: number, step = 0): number {
  return logits[id]! - logTotal(logits, peakOf(logits, step, 'the model').logit);
}
