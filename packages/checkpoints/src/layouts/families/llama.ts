import type { CheckpointLayout } from '@tessera/plugin';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readFullLayers } from '../layer-windows.ts';
import { llamaBlock, llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { readRotary } from '../rotary-fields.ts';

/** Llama, and the many models published in its layout. */
export const llama: CheckpointLayout = makeLayout({
  modelType: 'llama',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 32_000, dModel: 4096, layers: 32, maxPositions: 2048 });
    const heads = readHeads(reader, sizes.dModel, { heads: 32 });
    const { rotary, limit } = readRotary(reader, { ...heads, maxPositions: sizes.maxPositions }, options);
    const bias = reader.bool('attention_bias', false);
    const eps = readEps(reader, 1e-6);
    const block = llamaBlock({
      attention: { ...heads, rotary, qkvBias: bias, outputBias: bias, dropout: reader.dropout('attention_dropout') },
      feedForward: readGated(reader, 11_008, { bias: true }),
      eps,
    });
    readFullLayers(reader, sizes.layers);
    reader.inert(['is_llama_config']);
    reader.neutral('rope_interleaved', false);
    return llamaModel(reader, {
      ...sizes,
      eps,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      layers: Array.from({ length: sizes.layers }, () => block),
    });
  },
});
