import type { Model } from '@tessera/assembler';
import type { Generation } from './stream-generation.ts';

/** `64 tokens, 35.2 tokens/s, cpu`, and what became of drafts. */
export function generationSummary(model: Model, { usage, timings, speculation }: Generation['result']): string {
  const { completionTokens } = usage;
  const tokens = `${completionTokens} ${completionTokens === 1 ? 'token' : 'tokens'}`;
  const drafts = speculation
    ? `, ${speculation.accepted} of ${speculation.drafted} drafted tokens accepted in ${speculation.rounds} rounds`
    : '';
  return `${tokens}, ${timings.decodeTokensPerSecond.toFixed(1)} tokens/s, ${model.device.kind}${drafts}`;
}
