import type { CheckpointLayout } from '@tessera/plugin';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readFullLayers } from '../layer-windows.ts';
import { llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { gatedPart } from '../parts/feed-forward-parts.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import { readRotary } from '../rotary-fields.ts';

/** OLMo 2: norms after attention and feed-forward instead of before, and norms over all queries and all keys together. */
export const olmo2: CheckpointLayout = makeLayout({
  modelType: 'olmo2',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 50_304, dModel: 4096, layers: 32, maxPositions: 2048 });
    const heads = readHeads(reader, sizes.dModel, { heads: 32 });
    const { rotary, limit } = readRotary(reader, { ...heads, maxPositions: sizes.maxPositions }, options);
    const bias = reader.bool('attention_bias', false);
    const eps = readEps(reader, 1e-5);
    const attention = {
      ...heads,
      rotary,
      qkvBias: bias,
      outputBias: bias,
      qkNorm: { over: 'full', eps },
      dropout: reader.dropout('attention_dropout'),
    } as const;
    const block = {
      mixer: named(attentionPart(attention), 'self_attn'),
      mixerOutputNorm: named(rmsPart(eps), 'post_attention_layernorm'),
      feedForward: named(gatedPart(readGated(reader, 11_008)), 'mlp'),
      feedForwardOutputNorm: named(rmsPart(eps), 'post_feedforward_layernorm'),
    };
    readFullLayers(reader, sizes.layers);
    reader.neutral('clip_qkv', null);
    return llamaModel(reader, {
      ...sizes,
      paddingId: 1,
      eps,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      layers: Array.from({ length: sizes.layers }, () => block),
    });
  },
});
