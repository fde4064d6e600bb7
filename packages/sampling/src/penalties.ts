import type { SamplingOptions } from './sampling-options.ts';
import type { TokenHistory } from './token-history.ts';

/** Changes `logits` by what occurred: repetition over prompt and text, frequency and presence over the text alone. */
export function applyPenalties(
  logits: Float32Array,
  { prompt, generated }: TokenHistory,
  { repetitionPenalty = 1, frequencyPenalty = 0, presencePenalty = 0 }: SamplingOptions,
): void {
  if (repetitionPenalty !== 1)
    for (const id of new Set([...Array.from(prompt), ...Array.from(generated)])) {
      const logit = logits[id]!;
      logits[id] = logit < 0 ? logit * repetitionPenalty : logit / repetitionPenalty;
    }
  if (frequencyPenalty === 0 && presencePenalty === 0) return;
  const counts = new Map<number, number>();
  for (const id of Array.from(generated)) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const [id, count] of counts) logits[id]! -= frequencyPenalty * count + presencePenalty;
}
