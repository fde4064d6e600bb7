import type { CheckpointLayout, MixerSpec } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { makeLayout } from '../../make-layout.ts';
import type { PublishedPart } from '../../published-model.ts';
import { flaModel } from './fla-model.ts';
import type { FlaSite } from './fla-model.ts';
import { readSizedHeads, readTaps } from './head-fields.ts';
import { convolutions, projections, rename } from './tensor-rules.ts';

/** Kimi Delta Attention, of flash-linear-attention. */
export const flaKda: CheckpointLayout = makeLayout({
  modelType: 'kda',
  read: (reader, options) => flaModel(reader, options, { modes: ['chunk', 'fused_recurrent'], mixer: readMixer }),
});

function readMixer(reader: ConfigReader, { eps }: FlaSite): PublishedPart<MixerSpec> {
  const heads = readSizedHeads(reader, { heads: 16, headDim: 128, expandV: 1 }, { valueHeads: true });
  const { keyHeads, valueHeads, keyDim, valueDim } = heads;
  const convolution = readTaps(reader, true);
  const floor = reader.optionalNumber('lower_bound', { max: 0 });
  // It only tells the kernel that the bound is there.
  if (reader.bool('safe_gate', false) && floor === undefined)
    throw reader.wrong('safe_gate', 'false, since lower_bound is not set', 'Set lower_bound, for example to −5.');
  return {
    spec: {
      type: '@tessera/attention-linear:kimi-delta-attention',
      config: {
        ...heads,
        gateBias: true,
        ...(floor !== undefined && { decayFloor: floor }),
        convolution,
        negativeEigenvalues: reader.bool('allow_neg_eigval', false),
        normEps: eps,
      },
    },
    rules: () => [
      ...projections('q', 'k', 'v', 'b', 'o'),
      rename('f_proj.0.weight', 'f_a_proj'),
      rename('f_proj.1.weight', 'f_b_proj'),
      rename('g_proj.0.weight', 'g_a_proj'),
      rename('g_proj.1.weight', 'g_b_proj'),
      rename('g_proj.1.bias', 'g_bias'),
      ...convolutions(convolution, [keyHeads * keyDim, keyHeads * keyDim, valueHeads * valueDim]),
      rename('A_log', 'A_log'),
      rename('dt_bias', 'dt_bias'),
      rename('o_norm.weight', 'o_norm'),
    ],
  };
}
