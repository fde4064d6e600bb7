import type { CheckpointLayout, MixerSpec } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { makeLayout } from '../../make-layout.ts';
import type { PublishedPart } from '../../published-model.ts';
import { flaModel } from './fla-model.ts';
import type { FlaSite } from './fla-model.ts';
import { readExpandedHeads, readTaps } from './head-fields.ts';
import { convolutions, projections, rename } from './tensor-rules.ts';

const keyActivations: ReadonlyMap<string, string> = new Map([
  ['silu', 'silu'],
  ['relu', 'relu'],
  ['elu', 'elu+1'],
  ['identity', 'identity'],
]);

/** DeltaNet, of flash-linear-attention. */
export const flaDeltaNet: CheckpointLayout = makeLayout({
  modelType: 'delta_net',
  read: (reader, options) => flaModel(reader, options, { modes: ['chunk', 'fused_recurrent'], mixer: readMixer }),
});

function readMixer(reader: ConfigReader, { dModel, eps }: FlaSite): PublishedPart<MixerSpec> {
  const { kvHeads: _, ...sizes } = readExpandedHeads(reader, dModel, { heads: 16, expandK: 1, expandV: 1 });
  const { heads, keyDim, valueDim } = sizes;
  const convolution = readTaps(reader, true);
  const learnedStrength = reader.bool('use_beta', true);
  const outputGate = reader.bool('use_gate', false);
  // Not read by the published code, which always has the norm.
  reader.inert(['use_output_norm']);
  return {
    spec: {
      type: '@tessera/attention-linear:delta-net',
      config: {
        ...sizes,
        convolution,
        keyActivation: reader.word('qk_activation', 'silu', keyActivations),
        keyNorm: reader.word('qk_norm', 'l2', new Map([['l2', 'l2'], ['sum', 'sum']])), // prettier-ignore
        learnedStrength,
        negativeEigenvalues: reader.bool('allow_neg_eigval', false),
        outputGate,
        normEps: eps,
      },
    },
    rules: () => [
      ...projections('q', 'k', 'v', ...(learnedStrength ? ['b'] : []), ...(outputGate ? ['g'] : []), 'o'),
      ...convolutions(convolution, [heads * keyDim, heads * keyDim, heads * valueDim]),
      rename('o_norm.weight', 'o_norm'),
    ],
  };
}
