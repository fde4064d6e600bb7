import type { MixerUse } from '@tessera/plugin';
import {
  deltaNet,
  gatedDeltaNet,
  gatedLinearAttention,
  kernelAttention,
  kimiDeltaAttention,
  linearAttention,
  retention,
} from '@tessera/attention-linear';
import { softmax, softmaxAttention } from '@tessera/attention-softmax';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';
import type { Plugin } from '@tessera/plugin';

/** The families of which experiments are made. */
export const plugins: readonly Plugin[] = [softmax, linearAttention, norms, feedForward];

/** Sizes that a mixer of an experiment is made for. */
export interface MixerSizes {
  readonly heads: number;
  /** Elements of a head. */
  readonly headDim: number;
}

const rotary = { theta: 10_000 };

/** Mixers that experiments compare, by name. */
export const mixers: Readonly<Record<string, (sizes: MixerSizes) => MixerUse>> = {
  softmax: ({ heads, headDim }) => softmaxAttention({ heads, headDim, rotary }),
  'softmax-mqa': ({ heads, headDim }) => softmaxAttention({ heads, headDim, kvHeads: 1, rotary }),
  'softmax-gqa': ({ heads, headDim }) => softmaxAttention({ heads, headDim, kvHeads: Math.ceil(heads / 2), rotary }),
  'plain-linear': ({ heads, headDim }) => kernelAttention({ heads, keyDim: headDim, valueDim: headDim }),
  retention: ({ heads, headDim }) => retention({ heads, keyDim: headDim, valueDim: headDim }),
  gla: ({ heads, headDim }) => gatedLinearAttention({ heads, keyDim: headDim, valueDim: headDim }),
  'delta-net': ({ heads, headDim }) => deltaNet({ heads, keyDim: headDim, valueDim: headDim }),
  'gated-delta-net': ({ heads, headDim }) => gatedDeltaNet({ keyHeads: heads, keyDim: headDim, valueDim: headDim }),
  kda: ({ heads, headDim }) => kimiDeltaAttention({ keyHeads: heads, keyDim: headDim, valueDim: headDim }),
};
