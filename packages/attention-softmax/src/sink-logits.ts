import { zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { AttentionConfig, AttentionParams } from './attention-config.ts';

/** Scores of the sinks of H heads, `[H]`, if there are any. */
export function sinkLogitsOf(
  params: AttentionParams,
  { sinkLogits, heads }: Required<AttentionConfig>,
): Tensor | undefined {
  if (params.sink_logits) return params.sink_logits;
  return (sinkLogits as AttentionConfig['sinkLogits']) === 'zero' ? zeros([heads]) : undefined;
}
