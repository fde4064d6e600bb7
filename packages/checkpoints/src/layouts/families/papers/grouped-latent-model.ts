import type { MixerSpec, SpecOptions } from '@tessera/plugin';
import type { ConfigReader } from '../../config-reader.ts';
import { readablePositions } from '../../context-length.ts';
import { readDecoderSizes, readHeads } from '../../decoder-fields.ts';
import { llamaModel, readEps, readGated } from '../../llama-model.ts';
import type { HeadSizes } from '../../parts/attention-settings.ts';
import { gatedPart } from '../../parts/feed-forward-parts.ts';
import type { LatentRotarySettings } from '../../parts/latent-attention-part.ts';
import { rmsPart } from '../../parts/norm-parts.ts';
import { named } from '../../published-model.ts';
import type { PublishedModel, PublishedPart } from '../../published-model.ts';
import { readRotary } from '../../rotary-fields.ts';

/** What an attention of the paper is made of. */
export interface GroupedLatentSite extends HeadSizes {
  /** Width of the shared key. */
  readonly rotaryDim: number;
  readonly rotary: LatentRotarySettings | undefined;
  /** `attention_bias` */
  readonly bias: boolean;
  /** `rms_norm_eps` */
  readonly eps: number;
}

/** The model of the paper's code: llama with another attention. */
export function groupedLatentModel(
  reader: ConfigReader,
  options: SpecOptions,
  {
    rotaryField,
    attention,
  }: {
    /** Field with the width of the shared key. */
    readonly rotaryField: 'qk_rope_dim' | 'rope_dim';
    attention(site: GroupedLatentSite): PublishedPart<MixerSpec>;
  },
): PublishedModel {
  const sizes = readDecoderSizes(reader, { vocabSize: 32_000, dModel: 4096, layers: 32, maxPositions: 2048 });
  const heads = readHeads(reader, sizes.dModel, { heads: 32 });
  const rotaryDim = reader.int(rotaryField, heads.headDim / 2, { max: 65_536 });
  const { rotary, limit } = readRotary(reader, { headDim: rotaryDim, maxPositions: sizes.maxPositions }, options);
  const eps = readEps(reader, 1e-6);
  const bias = reader.bool('attention_bias', false);
  // The width of the other attention, and what its kernels do not do.
  reader.inert(['qk_rope_dim', 'rope_dim']);
  reader.unusedDropout('attention_dropout');
  const block = {
    mixerNorm: named(rmsPart(eps), 'input_layernorm'),
    mixer: named(attention({ ...heads, rotaryDim, rotary, bias, eps }), 'self_attn'),
    feedForwardNorm: named(rmsPart(eps), 'post_attention_layernorm'),
    feedForward: named(gatedPart(readGated(reader, 11_008, { bias: true })), 'mlp'),
  };
  return llamaModel(reader, {
    ...sizes,
    eps,
    maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
    layers: Array.from({ length: sizes.layers }, () => block),
  });
}
