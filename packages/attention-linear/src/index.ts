import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';

export { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
export type {
  GatedDeltaNetConfig,
  GatedDeltaNetParams,
  GatedDeltaNetState,
} from './gated-delta-net/gated-delta-net.ts';
export { shortConvolution } from './short-convolution/short-convolution.ts';
export type {
  ShortConvolutionConfig,
  ShortConvolutionParams,
  ShortConvolutionState,
} from './short-convolution/short-convolution.ts';

/** The mixers of this package. */
export const linearAttention: Plugin = definePlugin({
  contract: 'plugin/1',
  name: '@tessera/attention-linear',
  mixers: [gatedDeltaNet, shortConvolution],
});
