// The code of docs/guides/read-the-layers.md. Its output is shown there.
import { gatedDeltaNet, shortConvolution } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import { validate } from '@tessera/plugin';
import type { MixerUse } from '@tessera/plugin';

// #region layers
const dModel = 4096;
const layers: readonly [string, MixerUse][] = [
  ['attention, 32 heads of 128', softmaxAttention({ heads: 32 })],
  ['attention, 8 key and value heads', softmaxAttention({ heads: 32, kvHeads: 8 })],
  ['the same, window of 1024', softmaxAttention({ heads: 32, kvHeads: 8, window: 1024 })],
  ['Gated DeltaNet, 32 heads of 128', gatedDeltaNet({ keyHeads: 16, valueHeads: 32, keyDim: 128, valueDim: 128 })],
  ['short convolution, 3 taps', shortConvolution({ kernel: 3 })],
];

function stateOf({ mixer, config }: MixerUse, capacity: number): { growth: string; bytes: number } {
  const checked = validate<object>(mixer.config, config, mixer.name);
  return mixer.decoding!.memory({ config: checked, dModel, layer: 0, layers: 1, batch: 1, capacity, chunk: 1 });
}
// #endregion layers

const lengths = [1024, 32_768];
const mebibytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);
const line = (cells: readonly string[]): string =>
  cells.map((cell, index) => (index === 0 ? cell.padEnd(34) : cell.padStart(14))).join('');
console.log(
  line(['state of one layer, MiB', ...lengths.map((length) => `${length} tokens`), 'bytes a token', 'growth']),
);
for (const [name, use] of layers) {
  const states = lengths.map((length) => stateOf(use, length));
  const perToken = stateOf(use, 32_768).bytes - stateOf(use, 32_767).bytes;
  console.log(line([name, ...states.map(({ bytes }) => mebibytes(bytes)), String(perToken), states[0]!.growth]));
}
