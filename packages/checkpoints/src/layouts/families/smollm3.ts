import type { CheckpointLayout } from '@tessera/plugin';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { attentionKinds } from '../layer-windows.ts';
import { llamaBlock, llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { readRotary } from '../rotary-fields.ts';

/** SmolLM3: some layers without rotary positions. */
export const smollm3: CheckpointLayout = makeLayout({
  modelType: 'smollm3',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 128_256, dModel: 2048, layers: 36, maxPositions: 32_768 });
    const heads = readHeads(reader, sizes.dModel, { heads: 16, kvHeads: 4 });
    const rotaryFamily = { ...heads, maxPositions: sizes.maxPositions, theta: 2_000_000 };
    const { rotary, limit } = readRotary(reader, rotaryFamily, options);
    const bias = reader.bool('attention_bias', false);
    const eps = readEps(reader, 1e-6);
    const feedForward = readGated(reader, 11_008, { bias: true });
    const rotated = readRotatedLayers(reader, sizes.layers);
    const windows = readWindows(reader, rotated);
    const dropout = reader.dropout('attention_dropout');
    reader.inert(['max_window_layers']);
    return llamaModel(reader, {
      ...sizes,
      paddingId: 128_004,
      eps,
      tied: true,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      layers: rotated.map((turns, layer) =>
        llamaBlock({
          attention: {
            ...heads,
            rotary: turns ? rotary : undefined,
            qkvBias: bias,
            outputBias: bias,
            window: windows[layer],
            dropout,
          },
          feedForward,
          eps,
        }),
      ),
    });
  },
});

/** Which layers are rotated: 1 in `no_rope_layers` says that one is. The list may go on beyond the last layer. */
function readRotatedLayers(reader: ConfigReader, layers: number): readonly boolean[] {
  const interval = reader.int('no_rope_layer_interval', 4);
  const listed = reader.ints('no_rope_layers', { atLeast: layers });
  if (listed?.some((entry) => entry !== 0 && entry !== 1)) throw reader.wrong('no_rope_layers', 'a list of 0 and 1');
  return Array.from({ length: layers }, (_, layer) => (listed ? listed[layer] === 1 : (layer + 1) % interval !== 0));
}

/** The window of each layer: of those without rotary positions if it is on, or of those that `layer_types` names. */
function readWindows(reader: ConfigReader, rotated: readonly boolean[]): readonly (number | undefined)[] {
  const on = reader.bool('use_sliding_window', false);
  const window = reader.optionalInt('sliding_window');
  const kinds = reader.words('layer_types', { exactly: rotated.length }, attentionKinds);
  if (window === undefined && kinds?.includes(true))
    throw reader.refused('layer_types', "'full_attention' only, since sliding_window is null");
  return rotated.map((turns, layer) => ((kinds?.[layer] ?? (on && !turns)) ? window : undefined));
}
