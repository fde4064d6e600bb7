import type { CheckpointLayout, SpecOptions } from '@tessera/plugin';
import { readActivation } from '../activation-names.ts';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads, widest } from '../decoder-fields.ts';
import { attentionKinds } from '../layer-windows.ts';
import { llamaModel, readEps } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { gatedPart } from '../parts/feed-forward-parts.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import type { PublishedLayer, PublishedModel } from '../published-model.ts';
import { readGemmaRotary } from './gemma3-rotary.ts';

/** Gemma 3 for text. */
export const gemma3Text: CheckpointLayout = makeLayout({ modelType: 'gemma3_text', read: readGemma3Text });

/** Gemma 3's fields: norms around both halves of a block, windows in most layers, and other frequencies in those. */
export function readGemma3Text(reader: ConfigReader, options: SpecOptions): PublishedModel {
  const sizes = readDecoderSizes(reader, { vocabSize: 262_208, dModel: 2304, layers: 26, maxPositions: 131_072 });
  const heads = readHeads(reader, sizes.dModel, { heads: 8, kvHeads: 4, headDim: 256 });
  const rotary = readGemmaRotary(reader, { ...heads, maxPositions: sizes.maxPositions }, options);
  const slides = readSlidingLayers(reader, sizes.layers);
  const bidirectional = reader.bool('use_bidirectional_attention', false);
  const width = reader.int('sliding_window', 4096);
  const window = bidirectional ? Math.floor(width / 2) + 1 : width;
  const bias = reader.bool('attention_bias', false);
  const eps = readEps(reader, 1e-6);
  const attention = {
    ...heads,
    qkvBias: bias,
    outputBias: bias,
    // Weights are stored minus 1.
    qkNorm: { over: 'head', eps, offset: 1 },
    dropout: reader.dropout('attention_dropout'),
    scale: reader.number('query_pre_attn_scalar', 256, { min: 0, above: true }) ** -0.5,
  } as const;
  const feedForward = {
    hidden: reader.int('intermediate_size', 9216, { max: widest }),
    activation: readActivation(reader, 'hidden_activation', 'gelu_pytorch_tanh'),
  };
  const layer = (sliding: boolean): PublishedLayer => ({
    mixerNorm: named(rmsPart(eps, 1), 'input_layernorm'),
    mixer: named(
      attentionPart(
        { ...attention, rotary: sliding ? rotary.sliding : rotary.full, window: sliding ? window : undefined },
        {},
        { bidirectional },
      ),
      'self_attn',
    ),
    mixerOutputNorm: named(rmsPart(eps, 1), 'post_attention_layernorm'),
    feedForwardNorm: named(rmsPart(eps, 1), 'pre_feedforward_layernorm'),
    feedForward: named(gatedPart(feedForward), 'mlp'),
    feedForwardOutputNorm: named(rmsPart(eps, 1), 'post_feedforward_layernorm'),
  });
  readUnused(reader);
  return llamaModel(reader, {
    ...sizes,
    paddingId: 0,
    eps,
    normOffset: 1,
    tied: true,
    maxPositions: readablePositions(reader, sizes.maxPositions, options, rotary.limit),
    embeddingMultiplier: Math.sqrt(sizes.dModel),
    softCap: reader.optionalNumber('final_logit_softcapping', { min: 0, above: true }),
    layers: slides.map(layer),
  });
}

/** Layers with a window: as listed, or all but every so many. */
function readSlidingLayers(reader: ConfigReader, layers: number): readonly boolean[] {
  reader.inert(['sliding_window_pattern']);
  const kinds = reader.words('layer_types', { exactly: layers }, attentionKinds);
  if (kinds) return kinds;
  const pattern = reader.int('sliding_window_pattern', 6);
  return Array.from({ length: layers }, (_, layer) => (layer + 1) % pattern !== 0);
}

/** Fields that published files hold and the published code does not use. */
function readUnused(reader: ConfigReader): void {
  reader.inert(['_sliding_window_pattern', 'original_max_position_embeddings']);
  if (reader.optionalNumber('attn_logit_softcapping') !== undefined)
    reader.warn('attn_logit_softcapping', 'which has no effect in this family, here as in the published code.');
  // A name that other families use; here it is not read.
  if (
    reader.has('hidden_act') &&
    reader.value('hidden_act') !== (reader.value('hidden_activation') ?? 'gelu_pytorch_tanh')
  )
    throw reader.refused('hidden_act', 'the same as hidden_activation', 'Name the activation in hidden_activation.');
}
