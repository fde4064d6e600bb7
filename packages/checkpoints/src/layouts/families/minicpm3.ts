import type { CheckpointLayout } from '@tessera/plugin';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes } from '../decoder-fields.ts';
import { readLatentRotary, readLatentSizes } from '../latent-attention-fields.ts';
import { llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { gatedPart } from '../parts/feed-forward-parts.ts';
import { latentAttentionPart } from '../parts/latent-attention-part.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';

/** MiniCPM3: latent attention, with factors of the embedding, of what blocks add and of the logits. */
export const minicpm3: CheckpointLayout = makeLayout({
  modelType: 'minicpm3',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 73_448, dModel: 2560, layers: 62, maxPositions: 32_768 });
    const { dModel, layers, maxPositions } = sizes;
    const defaults = { heads: 40, queryRank: 768, latentDim: 256, headDim: 64, rotaryDim: 32 };
    const latent = readLatentSizes(reader, dModel, defaults);
    if (dModel % latent.heads !== 0)
      throw reader.wrong('hidden_size', `a multiple of the ${latent.heads} heads, not ${dModel}`);
    const { limit, ...rotary } = readLatentRotary(reader, latent, { maxPositions, order: 'half' }, options);
    const eps = readEps(reader, 1e-5);
    const depth = readScale(reader, 'scale_depth', 1.4) ?? Math.sqrt(layers);
    const block = {
      mixerNorm: named(rmsPart(eps), 'input_layernorm'),
      mixer: named(latentAttentionPart({ ...latent, ...rotary }), 'self_attn'),
      feedForwardNorm: named(rmsPart(eps), 'post_attention_layernorm'),
      feedForward: named(gatedPart(readGated(reader, 6400, { bias: true })), 'mlp'),
      residualMultiplier: depth / Math.sqrt(layers),
    };
    return llamaModel(reader, {
      ...sizes,
      eps,
      tied: true,
      maxPositions: readablePositions(reader, maxPositions, options, limit),
      embeddingMultiplier: reader.number('scale_emb', 12),
      headMultiplier: (readScale(reader, 'dim_model_base', 256) ?? dModel) / dModel,
      layers: Array.from({ length: layers }, () => block),
    });
  },
});

/** A number that has a default when the field is absent, and another meaning when it is null. */
function readScale(reader: ConfigReader, key: string, fallback: number): number | undefined {
  return reader.value(key) === null ? undefined : reader.number(key, fallback);
}
