import type { MixerUse } from '@tessera/plugin';
import { groupedLatentAttention, groupedTiedAttention, multiHeadLatentAttention } from '@tessera/attention-latent';
import {
  deltaNet,
  gatedAttentionUnit,
  gatedDeltaNet,
  gatedDeltaProduct,
  gatedLinearAttention,
  groupedCrossAttention,
  groupedLinearAttention,
  groupedLinearEncoder,
  kernelAttention,
  kimiDeltaAttention,
  lightningAttention,
  retention,
  scaledPositions,
  shortConvolution,
  simpleGatedLinearAttention,
  wholeGatedAttentionUnit,
} from '@tessera/attention-linear';
import { bidirectionalAttention, softmaxAttention } from '@tessera/attention-softmax';
import { contextualMemory, persistentMemory } from '@tessera/mixers-memory-mosaic';

/** A mixer at a small size, and what its state holds. */
export interface SampleUse {
  readonly use: MixerUse;
  /** Numbers of the state of one sequence, four bytes each, in the symbols of {@link SampleUse.symbols}. */
  readonly numbers: string;
  /** The symbols at this size; L is the number of slots. */
  readonly symbols: Readonly<Record<string, number>>;
}

/** Width of the model of every sample. */
export const sampleWidth = 48;

const heads = { heads: 2, keyDim: 8, valueDim: 12 };
const keyHeads = { keyHeads: 2, keyDim: 8, valueDim: 12 };
const HKV = { H: 2, K: 8, V: 12 };
const matrix = 'H · K · V';
/** Inputs that the convolutions over queries, keys and values still see. */
const taps = '(J − 1) · (2 · H · K + H · V)';
const rotary = { theta: 10_000 };

/** Every mixer of the packages once. */
export const sampleUses: readonly SampleUse[] = [
  {
    use: softmaxAttention({ heads: 4, kvHeads: 2, headDim: 12 }),
    numbers: 'L · (2 · G · d + 1) + 1',
    symbols: { G: 2, d: 12 },
  },
  { use: bidirectionalAttention({ heads: 4, headDim: 12 }), numbers: '', symbols: {} },
  {
    use: kernelAttention({ ...heads, featureMap: 'elu' }),
    numbers: 'H · F · (V + 1)',
    symbols: { H: 2, F: 8, V: 12 },
  },
  { use: retention(heads), numbers: matrix, symbols: HKV },
  { use: lightningAttention({ ...heads, slopes: [0.5, 0.25] }), numbers: matrix, symbols: HKV },
  { use: gatedLinearAttention(heads), numbers: matrix, symbols: HKV },
  { use: simpleGatedLinearAttention(heads), numbers: matrix, symbols: HKV },
  { use: deltaNet(heads), numbers: `${matrix} + ${taps}`, symbols: { ...HKV, J: 4 } },
  { use: gatedDeltaNet(keyHeads), numbers: `${matrix} + ${taps}`, symbols: { ...HKV, J: 4 } },
  {
    use: gatedDeltaProduct({ ...keyHeads, householders: 2 }),
    numbers: `${matrix} + (J − 1) · (H · K + N · H · K + N · H · V)`,
    symbols: { ...HKV, J: 4, N: 2 },
  },
  { use: kimiDeltaAttention(keyHeads), numbers: `${matrix} + ${taps}`, symbols: { ...HKV, J: 4 } },
  {
    use: groupedLinearAttention({ heads: 4, headDim: 12, group: 16, convolution: 8 }),
    numbers: 'H · d · d + 2 · w · H · d + (J − 1) · H · d + 1',
    symbols: { H: 4, d: 12, w: 16, J: 8 },
  },
  { use: groupedLinearEncoder({ heads: 4, headDim: 12, group: 16, convolution: 7 }), numbers: '', symbols: {} },
  { use: groupedCrossAttention({ heads: 4, headDim: 12, group: 16 }), numbers: 'H · d · d', symbols: { H: 4, d: 12 } },
  {
    use: gatedAttentionUnit({ keyDim: 8, valueDim: 96, group: 16, convolution: 8 }),
    numbers: 'K · E + w · (2 · K + E) + (J − 1) · E + 1',
    symbols: { K: 8, E: 96, w: 16, J: 8 },
  },
  { use: wholeGatedAttentionUnit({ keyDim: 8, valueDim: 96, form: 'softmax' }), numbers: '', symbols: {} },
  { use: scaledPositions({}), numbers: '0', symbols: {} },
  { use: shortConvolution({ kernel: 3 }), numbers: '(J − 1) · D', symbols: { J: 3, D: sampleWidth } },
  {
    use: multiHeadLatentAttention({ heads: 4, headDim: 12, latentDim: 24, rotaryDim: 4, rotary }),
    numbers: 'L · (C + R + 1) + 1',
    symbols: { C: 24, R: 4 },
  },
  {
    use: groupedLatentAttention({ heads: 4, headDim: 12, latentHeads: 2, latentDim: 12, rotaryDim: 4, rotary }),
    numbers: 'L · (G · C + R + 1) + 1',
    symbols: { G: 2, C: 12, R: 4 },
  },
  {
    use: groupedTiedAttention({ heads: 4, kvHeads: 2, headDim: 12, rotaryDim: 4, rotary }),
    numbers: 'L · (G · d + R + 1) + 1',
    symbols: { G: 2, d: 12, R: 4 },
  },
  {
    use: contextualMemory({ heads: 4, headDim: 12 }),
    numbers: 'L · (2 · H · d + 1) + 3 · H · d + 1',
    symbols: { H: 4, d: 12 },
  },
  { use: persistentMemory({ heads: 4, headDim: 12, slots: 16 }), numbers: 'H · d', symbols: { H: 4, d: 12 } },
];
