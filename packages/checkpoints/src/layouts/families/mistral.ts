import type { CheckpointLayout } from '@tessera/plugin';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readUniformLayers } from '../layer-windows.ts';
import { llamaBlock, llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { readRotary } from '../rotary-fields.ts';

/** Mistral: a window in all layers, unless it is null. */
export const mistral: CheckpointLayout = makeLayout({
  modelType: 'mistral',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 32_000, dModel: 4096, layers: 32, maxPositions: 131_072 });
    const heads = readHeads(reader, sizes.dModel, { heads: 32, kvHeads: 8 });
    const { rotary, limit } = readRotary(reader, { ...heads, maxPositions: sizes.maxPositions }, options);
    const eps = readEps(reader, 1e-6);
    const window = reader.value('sliding_window') === undefined ? 4096 : reader.optionalInt('sliding_window');
    const attention = { ...heads, rotary, window, dropout: reader.dropout('attention_dropout') };
    const block = llamaBlock({ attention, feedForward: readGated(reader, 14_336), eps });
    reader.neutral('attention_bias', false, null);
    reader.neutral('mlp_bias', false, null);
    readUniformLayers(reader, sizes.layers, window);
    return llamaModel(reader, {
      ...sizes,
      eps,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      layers: Array.from({ length: sizes.layers }, () => block),
    });
  },
});
