import type { CheckpointLayout, LayerSpec, ModelSpec, PartSpec, TensorRule } from '@tessera/plugin';
import { ConfigReader } from '../../config-reader.ts';
import { checkContextLength } from '../../context-length.ts';
import { mostLayers, mostTokens, widest } from '../../decoder-fields.ts';
import { compact } from '../../parts/attention-settings.ts';

const modelType = 'linearized_flash';

/** The code has no limit; positions are sines and rotations. */
const maxPositions = 65_536;

interface Reading {
  readonly spec: ModelSpec;
  readonly depth: number;
  readonly layerNorm: boolean;
  /** Taps of the published convolution; undefined without one. */
  readonly kernel: number | undefined;
  readonly warnings: readonly string[];
}

/** Norms by the words of the config: the part, and what its tensors are called. */
const normTypes: ReadonlyMap<string, boolean> = new Map([
  ['scalenorm', false],
  ['layernorm', true],
]);

function read(config: unknown): Reading {
  const reader = new ConfigReader(config, modelType);
  reader.inert(['model_type']);
  const dModel = reader.int('dim', 512, { max: widest });
  const vocabSize = reader.int('num_tokens', 20_000, { max: mostTokens });
  const depth = reader.int('depth', 12, { max: mostLayers });
  const layerNorm = reader.word('norm_type', 'scalenorm', normTypes);
  const convolved = reader.bool('conv', false);
  const kernel = reader.int('kernel', 63, { max: 65_535 });
  if (convolved && kernel % 2 === 0) throw reader.refused('kernel', 'an odd number, whose middle tap is the own token');
  const mixer = readUnit(reader, dModel, convolved ? Math.ceil(kernel / 2) : 0);
  reader.neutral('attn_dropout', 0);
  reader.finish();
  const mixerNorm: PartSpec = { type: `@tessera/norms:${layerNorm ? 'layer' : 'scale'}`, config: { eps: 1e-5 } };
  const unit: LayerSpec = { mixerNorm, mixer };
  const spec: ModelSpec = {
    vocabSize,
    dModel,
    maxPositions,
    // Absolute positions are added to the embedding: a layer that reads nothing else.
    layers: [
      { mixer: { type: '@tessera/attention-linear:scaled-positions' } },
      ...Array.from({ length: depth }, () => unit),
    ],
    finalNorm: { type: '@tessera/norms:layer', config: { eps: 1e-5 } },
    head: { bias: true },
  };
  return { spec, depth, layerNorm, kernel: convolved ? kernel : undefined, warnings: reader.warnings };
}

/** The unit of every layer. What is divided by the whole length is a unit of its own, which does not decode. */
function readUnit(reader: ConfigReader, dModel: number, convolution: number): PartSpec {
  const keyDim = reader.int('query_key_dim', 128, { max: widest });
  const expansion = reader.number('expansion_factor', 2, { min: 0, above: true, max: 1024 });
  const group = reader.int('group_size', 256);
  const causal = reader.bool('causal', false);
  const [local, global] = [reader.bool('local_', true), reader.bool('global_', true)];
  if (!local && !global) throw reader.refused('local_', 'true where global_ is false');
  const [square, softmax] = [reader.bool('square', false), reader.bool('softmax', false)];
  if (square && softmax) throw reader.refused('softmax', 'false where square is true');
  const oneMemory = reader.bool('reduce_group_non_causal_attn', true);
  const quadratic = square || softmax;
  // What a form does not read, its unit refuses.
  const weighs = !softmax && (quadratic || local);
  const settings = {
    keyDim,
    valueDim: Math.trunc(dModel * expansion),
    weights: reader.bool('laplace_attn_fn', false) && weighs ? 'laplace' : undefined,
    shiftTokens: reader.bool('shift_tokens', true),
    rotary: { ...(keyDim > 32 && { dims: 32 }), order: 'interleaved' },
    castling: reader.bool('castling', false) && !quadratic,
  };
  const parts = local && global ? undefined : local ? 'local' : 'global';
  if (causal && !quadratic)
    return {
      type: '@tessera/attention-linear:gated-attention-unit',
      config: compact({ ...settings, group, parts, convolution }),
    };
  // A quadratic form reads neither the convolution nor the groups.
  const form = quadratic ? { form: square ? 'square' : 'softmax', causal } : { form: 'grouped', group, parts };
  return {
    type: '@tessera/attention-linear:whole-gated-attention-unit',
    config: {
      ...compact({ ...settings, ...form, convolution }),
      ...(!quadratic && global && !oneMemory && { oneMemory }),
    },
  };
}

function rename(published: string, ours: string): TensorRule {
  return { kind: 'rename', published, ours };
}

function layerRules(layer: number, { layerNorm, kernel }: Reading): TensorRule[] {
  const [from, to] = [`layers.${layer}.`, `layers.${layer + 1}.`];
  const map = (published: string, ours: string): TensorRule[] =>
    ['weight', 'bias'].map((kind) => rename(`${from}${published}.${kind}`, `${to}mixer.${ours}_${kind === 'weight' ? 'proj' : 'bias'}`)); // prettier-ignore
  return [
    ...(layerNorm
      ? ['weight', 'bias'].map((kind) => rename(`${from}norm.${kind}`, `${to}mixerNorm.${kind}`))
      : [rename(`${from}norm.g`, `${to}mixerNorm.weight`)]),
    ...map('to_hidden.0', 'hidden'),
    ...map('to_qk.0', 'qk'),
    ...map('to_out', 'o'),
    ...['gamma', 'beta'].map((name) => rename(`${from}qk_offset_scale.${name}`, `${to}mixer.${name}`)),
    rename(`${from}rel_pos_bias.relative_attention_bias.weight`, `${to}mixer.relative_bias`),
    ...(kernel === undefined
      ? []
      : [
          {
            kind: 'taps',
            published: `${from}dwconv.weight`,
            ours: `${to}mixer.conv`,
            taps: Math.ceil(kernel / 2),
            length: kernel,
          } as const,
        ]),
  ];
}

/**
 * FLASH with the masked convolution of "When Linear Attention Meets Autoregressive Decoding", as the official code trains it from
 * scratch (`flash_pytorch.py`). Its parameters are the fields of its constructor.
 * @see You et al. 2024, arXiv:2406.07368
 */
export const linearizedFlash: CheckpointLayout = {
  modelTypes: [modelType],
  toSpec(config, options = {}) {
    checkContextLength(options);
    const { spec, warnings } = read(config);
    return { spec, warnings };
  },
  rules(config) {
    const reading = read(config);
    return [
      rename('token_emb.weight', 'embedding.weight'),
      rename('abs_pos_emb.scale', 'layers.0.mixer.scale'),
      ...Array.from({ length: reading.depth }, (_, layer) => layerRules(layer, reading)).flat(),
      ...['weight', 'bias'].flatMap((kind) => [
        rename(`to_logits.0.${kind}`, `finalNorm.${kind}`),
        rename(`to_logits.1.${kind}`, `head.${kind}`),
      ]),
    ];
  },
  // Frequencies, which follow from the config.
  ignored: [/(?:^|\.)abs_pos_emb\.inv_freq$/, /(?:^|\.)rotary_pos_emb\.freqs$/],
};
