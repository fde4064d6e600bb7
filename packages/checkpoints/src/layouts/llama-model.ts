import { readActivation } from './activation-names.ts';
import type { ConfigReader } from './config-reader.ts';
import { widest } from './decoder-fields.ts';
import { readPaddingId } from './generic-fields.ts';
import { attentionPart } from './parts/attention-part.ts';
import type { AttentionSettings } from './parts/attention-settings.ts';
import { gatedPart } from './parts/feed-forward-parts.ts';
import type { FeedForwardSettings } from './parts/feed-forward-parts.ts';
import { rmsPart } from './parts/norm-parts.ts';
import { named } from './published-model.ts';
import type { PublishedLayer, PublishedModel } from './published-model.ts';

/** Settings of a pre-norm block with attention and a gated feed-forward. */
export interface LlamaBlockSettings {
  readonly attention: AttentionSettings;
  readonly feedForward: FeedForwardSettings;
  /** Of both norms. */
  readonly eps: number;
}

/** The block that llama, qwen, mistral, granite and smollm3 share: norm, attention, norm, gated feed-forward. */
export function llamaBlock({ attention, feedForward, eps }: LlamaBlockSettings): PublishedLayer {
  return {
    mixerNorm: named(rmsPart(eps), 'input_layernorm'),
    mixer: named(attentionPart(attention), 'self_attn'),
    feedForwardNorm: named(rmsPart(eps), 'post_attention_layernorm'),
    feedForward: named(gatedPart(feedForward), 'mlp'),
  };
}

/** The feed-forward under its usual names. */
export function readGated(
  reader: ConfigReader,
  hidden: number,
  { bias = false }: { readonly bias?: boolean } = {},
): FeedForwardSettings {
  return {
    hidden: reader.int('intermediate_size', hidden, { max: widest }),
    activation: readActivation(reader, 'hidden_act', 'silu'),
    ...(bias && { bias: reader.bool('mlp_bias', false) }),
  };
}

/** `rms_norm_eps`. */
export function readEps(reader: ConfigReader, fallback: number): number {
  return reader.number('rms_norm_eps', fallback, { min: 0, max: 1 });
}

/** What differs between models with the outer names of llama. */
export interface LlamaModelSettings extends Pick<PublishedModel, 'vocabSize' | 'dModel' | 'maxPositions' | 'layers'> {
  readonly embeddingMultiplier?: number;
  readonly headMultiplier?: number;
  readonly softCap?: number | undefined;
  /** Default of `tie_word_embeddings`. @defaultValue false */
  readonly tied?: boolean;
  /** Default of `pad_token_id`. @defaultValue none */
  readonly paddingId?: number;
  /** Of the last norm. */
  readonly eps: number;
  /** Added to the weight of the last norm. @defaultValue 0 */
  readonly normOffset?: number;
}

/** A model with the outer names of llama: embedding, layers, last norm and head. */
export function llamaModel(reader: ConfigReader, settings: LlamaModelSettings): PublishedModel {
  const { embeddingMultiplier, headMultiplier, softCap, tied = false, paddingId, eps, normOffset, ...sizes } = settings;
  return {
    ...sizes,
    prefixes: ['model.', ''],
    embedding: {
      name: 'embed_tokens.weight',
      paddingId: readPaddingId(reader, sizes.vocabSize, paddingId),
      ...(embeddingMultiplier !== undefined && { multiplier: embeddingMultiplier }),
    },
    layersName: 'layers',
    finalNorm: named(rmsPart(eps, normOffset), 'norm'),
    head: {
      names: ['lm_head.weight'],
      tied: reader.bool('tie_word_embeddings', tied),
      ...(headMultiplier !== undefined && { multiplier: headMultiplier }),
      ...(softCap !== undefined && { softCap }),
    },
  };
}
