import type { CheckpointLayout } from '@tessera/plugin';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readQwenWindows } from '../layer-windows.ts';
import { llamaBlock, llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { readRotary } from '../rotary-fields.ts';

/** Qwen2 and Qwen2.5: biases of queries, keys and values, and windows in the later layers. */
export const qwen2: CheckpointLayout = makeLayout({
  modelType: 'qwen2',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 151_936, dModel: 4096, layers: 32, maxPositions: 32_768 });
    const heads = readHeads(reader, sizes.dModel, { heads: 32, kvHeads: 32 });
    const { rotary, limit } = readRotary(reader, { ...heads, maxPositions: sizes.maxPositions }, options);
    const eps = readEps(reader, 1e-6);
    const feedForward = readGated(reader, 22_016);
    const dropout = reader.dropout('attention_dropout');
    reader.neutral('use_mrope', false, null);
    // Not read by the published code: the biases are always there.
    reader.inert(['attention_bias']);
    return llamaModel(reader, {
      ...sizes,
      eps,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      layers: readQwenWindows(reader, sizes.layers).map((window) =>
        llamaBlock({ attention: { ...heads, rotary, qkvBias: true, window, dropout }, feedForward, eps }),
      ),
    });
  },
});
