import type { CheckpointLayout } from '@tessera/plugin';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readQwenWindows } from '../layer-windows.ts';
import { llamaBlock, llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { readRotary } from '../rotary-fields.ts';

/** Qwen3: norms of queries and keys in each head, and windows in the later layers. */
export const qwen3: CheckpointLayout = makeLayout({
  modelType: 'qwen3',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 151_936, dModel: 4096, layers: 32, maxPositions: 32_768 });
    const heads = readHeads(reader, sizes.dModel, { heads: 32, kvHeads: 32, headDim: 128 });
    const { rotary, limit } = readRotary(reader, { ...heads, maxPositions: sizes.maxPositions }, options);
    const bias = reader.bool('attention_bias', false);
    const eps = readEps(reader, 1e-6);
    const feedForward = readGated(reader, 22_016);
    const attention = {
      ...heads,
      rotary,
      qkvBias: bias,
      outputBias: bias,
      qkNorm: { over: 'head', eps },
      dropout: reader.dropout('attention_dropout'),
    } as const;
    return llamaModel(reader, {
      ...sizes,
      eps,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      layers: readQwenWindows(reader, sizes.layers).map((window) =>
        llamaBlock({ attention: { ...attention, window }, feedForward, eps }),
      ),
    });
  },
});
