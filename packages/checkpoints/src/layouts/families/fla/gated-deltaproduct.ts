import type { CheckpointLayout, MixerSpec } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { makeLayout } from '../../make-layout.ts';
import type { PublishedPart } from '../../published-model.ts';
import { flaModel } from './fla-model.ts';
import type { FlaSite } from './fla-model.ts';
import { readSizedHeads, readTaps } from './head-fields.ts';
import { convolutions, projections, rename } from './tensor-rules.ts';

/** Gated DeltaProduct, of flash-linear-attention. */
export const flaGatedDeltaProduct: CheckpointLayout = makeLayout({
  modelType: 'gated_deltaproduct',
  read: (reader, options) =>
    flaModel(reader, options, { layers: 21, modes: ['chunk', 'fused_recurrent'], mixer: readMixer }),
});

function readMixer(reader: ConfigReader, { eps }: FlaSite): PublishedPart<MixerSpec> {
  const heads = readSizedHeads(reader, { heads: 6, headDim: 256, expandV: 2 }, { valueHeads: false });
  const { keyHeads, valueHeads, keyDim, valueDim } = heads;
  const convolution = readTaps(reader, true);
  const householders = reader.int('num_householder', 1, { max: 64 });
  const forgetGate = reader.bool('use_forget_gate', false);
  const outputGate = reader.bool('use_output_gate', true);
  const keys = keyHeads * keyDim;
  return {
    spec: {
      type: '@tessera/attention-linear:gated-delta-product',
      config: {
        ...heads,
        householders,
        forgetGate,
        convolution,
        negativeEigenvalues: reader.bool('allow_neg_eigval', false),
        outputGate,
        normEps: eps,
      },
    },
    rules: () => [
      ...projections('q', 'k', 'v', 'b', ...(forgetGate ? ['a'] : []), ...(outputGate ? ['g'] : []), 'o'),
      ...convolutions(convolution, [keys, householders * keys, householders * valueHeads * valueDim]),
      ...(forgetGate ? [rename('A_log', 'A_log'), rename('dt_bias', 'dt_bias')] : []),
      rename('o_norm.weight', 'o_norm'),
    ],
  };
}
