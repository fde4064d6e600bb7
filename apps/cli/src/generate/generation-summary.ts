import type { Model } from '@tessera/assembler';
import type { Generation } from './stream-generation.ts';

/** `64 tokens, 35.2 tokens/s, cpu`. */
export function generationSummary(model: Model, { usage, timings }: Generation['result']): string {
  const { completionTokens } = usage;
  const tokens = `${completionTokens} ${completionTokens === 1 ? 'token' : 'tokens'}`;
  return `${tokens}, ${timings.decodeTokensPerSecond.toFixed(1)} tokens/s, ${model.device.kind}`;
}
