import type { CheckpointLayout, MixerSpec } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { widest } from '../../decoder-fields.ts';
import { makeLayout } from '../../make-layout.ts';
import { latentAttentionPart } from '../../parts/latent-attention-part.ts';
import type { LatentAttentionTensors } from '../../parts/latent-attention-part.ts';
import type { PublishedPart } from '../../published-model.ts';
import { flaModel } from './fla-model.ts';

/** Maps, norms and maps of the library stand in lists. */
const tensors: LatentAttentionTensors = {
  query: 'q_proj',
  queryDown: 'q_proj.0',
  queryNorm: 'q_proj.1',
  queryUp: 'q_proj.2',
  down: ['kv_proj.0', 'k_rope'],
  norms: ['kv_proj.1'],
  up: ['kv_proj.2'],
  output: 'o_proj',
};

/** Multi-head latent attention, of flash-linear-attention. */
export const flaMla: CheckpointLayout = makeLayout({
  modelType: 'mla',
  read: (reader, options) => flaModel(reader, options, { hybrid: false, mixer: readMixer }),
});

function readMixer(reader: ConfigReader): PublishedPart<MixerSpec> {
  const range = { max: 65_536 };
  const heads = reader.int('num_heads', 16, range);
  const headDim = reader.int('qk_nope_head_dim', 128, range);
  const rotaryDim = reader.int('qk_rope_head_dim', 64, range);
  if (rotaryDim % 2 !== 0) throw reader.wrong('qk_rope_head_dim', 'an even number');
  const keyDim = headDim + rotaryDim;
  const given = reader.value('qk_head_dim') === undefined ? 192 : reader.optionalInt('qk_head_dim', range);
  if (given !== undefined && given !== keyDim)
    throw reader.wrong('qk_head_dim', `${keyDim}, qk_nope_head_dim and qk_rope_head_dim together, not ${given}`);
  // All its norms have weights.
  reader.inert(['elementwise_affine']);
  readIgnoredRotary(reader);
  const absentRank = reader.value('q_lora_rank') === undefined ? 64 : undefined;
  const settings = {
    heads,
    queryRank: reader.optionalInt('q_lora_rank', { max: widest }) ?? absentRank,
    latentDim: reader.int('kv_lora_rank', 512, { max: widest }),
    headDim,
    rotaryDim,
    valueDim: reader.int('v_head_dim', 128, range),
    rotary: { theta: reader.number('rope_theta', 10_000, { min: 1 }) },
    // Its default, whatever norm_eps says.
    normEps: 1e-5,
    window: reader.optionalInt('window_size'),
  };
  return latentAttentionPart(settings, tensors);
}

/** The published code makes its frequencies of `rope_theta` alone, and computes a larger factor that it does not use. */
function readIgnoredRotary(reader: ConfigReader): void {
  for (const key of ['rope_scaling', 'rope_parameters']) {
    const rule = reader.record(key);
    const type = rule?.value(rule.spelling('rope_type', 'type')) ?? 'default';
    if (type !== 'default') reader.warn(key, 'which the published code does not use, and neither does this layout.');
  }
}
