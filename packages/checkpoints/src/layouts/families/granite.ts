import type { CheckpointLayout } from '@tessera/plugin';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readFullLayers } from '../layer-windows.ts';
import { llamaBlock, llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { readRotary } from '../rotary-fields.ts';

/** Granite 3: llama with factors of the embedding, of what blocks add, of the dot products and of the logits. */
export const granite: CheckpointLayout = makeLayout({
  modelType: 'granite',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 32_000, dModel: 4096, layers: 32, maxPositions: 2048 });
    const heads = readHeads(reader, sizes.dModel, { heads: 32 });
    const { rotary, limit } = readRotary(reader, { ...heads, maxPositions: sizes.maxPositions }, options);
    const bias = reader.bool('attention_bias', false);
    const eps = readEps(reader, 1e-6);
    const logitsScaling = reader.number('logits_scaling', 1);
    if (logitsScaling === 0) throw reader.wrong('logits_scaling', 'a number other than 0');
    const block = {
      ...llamaBlock({
        // The multiplier replaces headDim^−½, also by its default of 1.
        attention: {
          ...heads,
          rotary,
          qkvBias: bias,
          outputBias: bias,
          scale: reader.number('attention_multiplier', 1),
          dropout: reader.dropout('attention_dropout'),
        },
        feedForward: readGated(reader, 11_008, { bias: true }),
        eps,
      }),
      residualMultiplier: reader.number('residual_multiplier', 1),
    };
    readFullLayers(reader, sizes.layers);
    reader.neutral('normalization_function', 'rmsnorm', null);
    reader.neutral('position_embedding_type', 'rope', null);
    return llamaModel(reader, {
      ...sizes,
      eps,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      embeddingMultiplier: reader.number('embedding_multiplier', 1),
      headMultiplier: 1 / logitsScaling,
      layers: Array.from({ length: sizes.layers }, () => block),
    });
  },
});
