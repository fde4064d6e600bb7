import { projectQueryKeyValue } from '@tessera/head-projections';
import { attention } from '@tessera/ops';
import type { Call } from '@tessera/plugin';
import { validEntries } from '@tessera/plugin';
import { equal, expandDims, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { AttentionConfig, AttentionParams } from './attention-config.ts';
import { gatedOutput } from './gated-output.ts';
import { sinkLogitsOf } from './sink-logits.ts';

/** Attention over a whole sequence: entries that do not count and other documents are not seen. */
export function attendWhole(
  call: Call<AttentionConfig, AttentionParams>,
  { causal }: { readonly causal: boolean },
): { y: Tensor } {
  const { params, config, positions, segments, random, training } = call;
  const { q, k, v } = projectQueryKeyValue(call);
  const o = attention({
    q,
    k,
    v,
    queryPositions: positions,
    keyPositions: where(validEntries(call, positions.shape[1]!), positions, -1),
    ...(segments && { mask: sameSegment(segments) }),
    scale: config.scale,
    causal,
    window: config.window,
    softCap: config.softCap,
    sinkLogits: sinkLogitsOf(params, config),
    ...(training && random && { dropout: { probability: config.dropout, key: random } }),
  });
  return { y: gatedOutput(params, call.x, o) };
}

/** True where two entries are of one document, `[B, T, T]`. */
function sameSegment(segments: Tensor): Tensor {
  return equal(expandDims(segments, 2), expandDims(segments, 1));
}
