import type { CheckpointLayout, MixerSpec } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { makeLayout } from '../../make-layout.ts';
import type { PublishedPart } from '../../published-model.ts';
import { flaModel } from './fla-model.ts';
import type { FlaSite } from './fla-model.ts';
import { gatedHeadsPart, readGatedOutput } from './gated-heads-part.ts';
import { readExpandedHeads, readTaps } from './head-fields.ts';
import { rename } from './tensor-rules.ts';

/** Its own list of activations. */
const activations: ReadonlyMap<string, string> = new Map([
  ['relu', 'relu'],
  ['sigmoid', 'sigmoid'],
  ['silu', 'silu'],
  ['swish', 'silu'],
  ['sqrelu', 'relu2'],
  ['gelu', 'gelu-tanh'],
]);

/** Gated linear attention, of flash-linear-attention. */
export const flaGla: CheckpointLayout = makeLayout({
  modelType: 'gla',
  read: (reader, options) =>
    flaModel(reader, options, { modes: ['chunk', 'fused_recurrent', 'fused_chunk'], mixer: readMixer }),
});

function readMixer(reader: ConfigReader, { dModel, eps }: FlaSite): PublishedPart<MixerSpec> {
  const heads = readExpandedHeads(reader, dModel, { heads: 4, expandK: 0.5, expandV: 1 });
  const convolution = readTaps(reader, false);
  const { normName, ...output } = readGatedOutput(reader);
  const featureActivation = reader.has('feature_map') ? reader.word('feature_map', 'relu', activations) : 'identity';
  const floor = reader.optionalNumber('clamp_min', { max: 0 });
  // Not read by the published code: keys always have gates, values never.
  reader.inert(['use_gk', 'use_gv']);
  const fields = { ...heads, convolution, featureActivation, ...output, normEps: eps };
  return gatedHeadsPart('@tessera/attention-linear:gated-linear-attention', fields, {
    normName,
    more: floor === undefined ? {} : { decayFloor: floor },
    rules: [
      rename('gk_proj.0.weight', 'gk_a_proj'),
      rename('gk_proj.1.weight', 'gk_b_proj'),
      rename('gk_proj.1.bias', 'gk_bias'),
    ],
  });
}
