import type { CheckpointLayout, MixerSpec, TensorRule } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { makeLayout } from '../../make-layout.ts';
import type { PresentBelow, PublishedPart } from '../../published-model.ts';
import { flaModel } from './fla-model.ts';
import type { FlaSite } from './fla-model.ts';
import { readExpandedHeads } from './head-fields.ts';
import { projections, rename } from './tensor-rules.ts';

/** A feature map: our name, whether its weights are never below 0, and its learned tensors, published and ours. */
interface PublishedMap {
  readonly ours: string;
  readonly positive: boolean;
  readonly tensors: readonly (readonly [string, string])[];
}

const maps: ReadonlyMap<string, PublishedMap> = new Map([
  ['elementwise_product', {
    ours: 'product',
    positive: false,
    tensors: [
      ['layer1.weight', 'map'],
      ['layer1.bias', 'map_bias'],
      ['layer2.weight', 'second_map'],
      ['layer2.bias', 'second_map_bias'],
    ],
  }],
  ['hedgehog', { ours: 'hedgehog', positive: true, tensors: [['layer.weight', 'map'], ['layer.bias', 'map_bias']] }],
  ['t2r', { ours: 't2r', positive: true, tensors: [['layer.weight', 'map']] }],
  ['dpfp', { ours: 'dpfp', positive: false, tensors: [] }],
  ['elu', { ours: 'elu', positive: true, tensors: [] }],
  ['relu', { ours: 'relu', positive: true, tensors: [] }],
  ['identity', { ours: 'identity', positive: false, tensors: [] }],
]); // prettier-ignore

/** Linear attention with feature maps, of flash-linear-attention. */
export const flaLinearAttn: CheckpointLayout = makeLayout({
  modelType: 'linear_attn',
  read: (reader, options) =>
    flaModel(reader, options, { modes: ['fused_chunk', 'chunk', 'fused_recurrent'], mixer: readMixer }),
});

function readMixer(reader: ConfigReader, { dModel, eps }: FlaSite): PublishedPart<MixerSpec> {
  const heads = readExpandedHeads(reader, dModel, { heads: 4, expandK: 1, expandV: 1 });
  const map = reader.word('feature_map', 'elementwise_product', maps);
  // Only what is learned can be tied.
  const tied = reader.bool('tie_feature_map_qk', false) && map.tensors.length > 0;
  const normalize = reader.bool('norm_feature_map', false);
  if (normalize && !map.positive)
    throw reader.refused(
      'norm_feature_map',
      'false for this feature_map, whose weights may be negative and add up to 0',
    );
  const affine = reader.value('elementwise_affine') === null ? false : reader.bool('elementwise_affine', true);
  return {
    spec: {
      type: '@tessera/attention-linear:kernel-attention',
      config: {
        ...heads,
        featureMap: map.ours,
        tiedFeatureMaps: tied,
        queriesOverSum: reader.bool('norm_q', false),
        keysOverSum: reader.bool('norm_k', false),
        normalize,
        outputNorm: 'rms',
        normWeight: affine,
        normEps: eps,
      },
    },
    rules: (present) => [
      ...projections('q', 'k', 'v', 'o'),
      ...(affine ? [rename('norm.weight', 'o_norm')] : []),
      ...map.tensors.flatMap((names) => (tied ? tiedRules(names, present) : ['q', 'k'].map(ruleOf(names)))),
    ],
  };
}

const ruleOf =
  ([published, ours]: readonly [string, string], owner?: string) =>
  (role: string): TensorRule =>
    rename(`feature_map_${role}.${published}`, `${owner ?? role}_${ours}`);

/** One map for queries and keys is published under either name, or under both. */
function tiedRules(names: readonly [string, string], present: PresentBelow): TensorRule[] {
  const [published, ours] = names;
  const found = ['q', 'k'].filter((role) => present(`feature_map_${role}.${published}`));
  const [first = 'q', second] = found;
  const rule = ruleOf(names, 'q')(first);
  if (second === undefined) return [rule];
  return [
    rule,
    { kind: 'copy', published: `feature_map_${second}.${published}`, ours: `q_${ours}`, untied: `k_${ours}` },
  ];
}
