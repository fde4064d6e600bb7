import type { CheckpointLayout, MixerSpec } from '@tessera/plugin';
import { readActivation } from '../../activation-names.ts';
import type { ConfigReader } from '../../config-reader.ts';
import { makeLayout } from '../../make-layout.ts';
import type { PublishedPart } from '../../published-model.ts';
import { flaModel } from './fla-model.ts';
import type { FlaSite } from './fla-model.ts';
import { gatedHeadsPart, readGatedOutput } from './gated-heads-part.ts';
import { readExpandedHeads } from './head-fields.ts';

/** RetNet, of flash-linear-attention. */
export const flaRetnet: CheckpointLayout = makeLayout({
  modelType: 'retnet',
  read: (reader, options) =>
    flaModel(reader, options, {
      hiddenRatio: 2,
      modes: ['chunk', 'fused_chunk', 'parallel', 'fused_recurrent'],
      mixer: readMixer,
    }),
});

function readMixer(reader: ConfigReader, { dModel, eps }: FlaSite): PublishedPart<MixerSpec> {
  const heads = readExpandedHeads(reader, dModel, { heads: 8, expandK: 1, expandV: 2 });
  if (heads.keyDim % 2 === 1)
    throw reader.wrong(
      'expand_k',
      `a factor that makes heads of an even size, not ${heads.keyDim}, since they turn in pairs`,
    );
  // The published model never hands these on to its layers.
  if (reader.bool('use_short_conv', false))
    reader.warn('use_short_conv', 'which the published code does not read; there are no convolutions.');
  reader.inert(['conv_size']);
  const { normName, ...output } = readGatedOutput(reader);
  const featureActivation = reader.has('feature_map') ? readActivation(reader, 'feature_map', 'linear') : 'identity';
  const fields = { ...heads, convolution: 0, featureActivation, ...output, normEps: eps };
  return gatedHeadsPart('@tessera/attention-linear:retention', fields, { normName });
}
