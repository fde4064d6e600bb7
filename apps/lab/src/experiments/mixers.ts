import {
  groupedLatentAttention,
  groupedTiedAttention,
  latentAttentions,
  multiHeadLatentAttention,
} from '@tessera/attention-latent';
import {
  deltaNet,
  gatedDeltaNet,
  gatedLinearAttention,
  groupedLinearAttention,
  kernelAttention,
  kimiDeltaAttention,
  linearAttention,
  retention,
} from '@tessera/attention-linear';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { contextualMemory, memoryMosaics } from '@tessera/mixers-memory-mosaic';
import { norms } from '@tessera/norms';
import type { MixerUse, Plugin } from '@tessera/plugin';

/** The families of which experiments are made. */
export const plugins: readonly Plugin[] = [
  softmax,
  linearAttention,
  latentAttentions,
  memoryMosaics,
  norms,
  feedForward,
];

/** Sizes that a mixer of an experiment is made for. */
export interface MixerSizes {
  readonly heads: number;
  /** Elements of a head. */
  readonly headDim: number;
}

const rotary = { theta: 10_000 };
/** Key and value heads of what shares them. */
const half = (heads: number): number => Math.ceil(heads / 2);
/** Of grouped linear attention: entries of a group and taps of its convolution. */
const [group, taps] = [32, 16];

/** Mixers that experiments compare, by name. */
export const mixers: Readonly<Record<string, (sizes: MixerSizes) => MixerUse>> = {
  softmax: ({ heads, headDim }) => softmaxAttention({ heads, headDim, rotary }),
  'softmax-mqa': ({ heads, headDim }) => softmaxAttention({ heads, headDim, kvHeads: 1, rotary }),
  'softmax-gqa': ({ heads, headDim }) => softmaxAttention({ heads, headDim, kvHeads: half(heads), rotary }),
  mosaic: ({ heads, headDim }) => contextualMemory({ heads, headDim }),
  mla: ({ heads, headDim }) =>
    multiHeadLatentAttention({ heads, headDim, rotaryDim: headDim / 2, latentDim: 2 * headDim, rotary }),
  'gla-latent': ({ heads, headDim }) =>
    groupedLatentAttention({
      heads,
      headDim,
      rotaryDim: headDim / 2,
      latentDim: headDim,
      latentHeads: half(heads),
      rotary,
    }),
  gta: ({ heads, headDim }) => groupedTiedAttention({ heads, headDim, kvHeads: half(heads), rotary }),
  'plain-linear': ({ heads, headDim }) => kernelAttention({ heads, keyDim: headDim, valueDim: headDim }),
  'grouped-conv': ({ heads, headDim }) => groupedLinearAttention({ heads, headDim, group, convolution: taps, rotary }),
  'local-only': ({ heads, headDim }) =>
    groupedLinearAttention({ heads, headDim, group, parts: 'local', convolution: 0, rotary }),
  retention: ({ heads, headDim }) => retention({ heads, keyDim: headDim, valueDim: headDim }),
  gla: ({ heads, headDim }) => gatedLinearAttention({ heads, keyDim: headDim, valueDim: headDim }),
  'delta-net': ({ heads, headDim }) => deltaNet({ heads, keyDim: headDim, valueDim: headDim }),
  'gated-delta-net': ({ heads, headDim }) => gatedDeltaNet({ keyHeads: heads, keyDim: headDim, valueDim: headDim }),
  kda: ({ heads, headDim }) => kimiDeltaAttention({ keyHeads: heads, keyDim: headDim, valueDim: headDim }),
};
