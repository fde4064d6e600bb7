import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { Peak } from './check-logits.ts';
import { peakOf } from './check-logits.ts';
import { knownId } from './known-id.ts';
import { applyPenalties } from './penalties.ts';
import { repeatedNgramEnds } from './repeated-ngrams.ts';
import type { SamplingOptions } from './sampling-options.ts';
import type { TokenHistory } from './token-history.ts';

/** Logits of one row with everything applied that comes before the temperature, and the largest of them. */
export function processLogits(
  logits: Float32Array,
  history: TokenHistory,
  options: SamplingOptions,
): { processed: Float32Array; peak: Peak } {
  const step = history.generated.length;
  const V = logits.length;
  peakOf(logits, step, 'the model');
  let processed: Float32Array = logits.slice();
  applyPenalties(processed, history, options);
  for (const [id, bias] of Object.entries(options.logitBias ?? {}))
    processed[knownId(Number(id), V, 'logitBias')]! += bias;
  for (const id of options.suppressTokenIds ?? []) processed[knownId(id, V, 'suppressTokenIds')] = -Infinity;
  if (step < (options.minNewTokens ?? 0))
    for (const id of history.endIds ?? []) processed[knownId(id, V, 'endIds')] = -Infinity;
  const { noRepeatNgramSize = 0, logitsProcessors = [] } = options;
  if (noRepeatNgramSize > 0) for (const id of repeatedNgramEnds(history, noRepeatNgramSize)) processed[id] = -Infinity;
  logitsProcessors.forEach((process, index) => {
    const made = process({ logits: processed, history }) ?? processed;
    if (!(made instanceof Float32Array) || made.length !== logits.length)
      throw new UnsupportedOptionError(
        `logitsProcessors[${index}] returned ${made instanceof Float32Array ? `${made.length} logits` : typeof made}, expected a Float32Array of ${logits.length}. Return as many as it was given, or nothing.`,
        { facts: { where: `logitsProcessors[${index}]`, expected: logits.length } },
      );
    processed = made;
  });
  return { processed, peak: peakOf(processed, step, 'the sampling options') };
}
