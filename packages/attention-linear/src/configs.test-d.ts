import type { MixerUse } from '@tessera/plugin';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';

const net = { keyHeads: 2, keyDim: 4, valueDim: 4 };

/** Uses that are right. */
export const right: readonly MixerUse[] = [
  gatedDeltaNet(net),
  gatedDeltaNet({
    ...net,
    valueHeads: 4,
    convolution: 2,
    convolutionActivation: 'relu',
    negativeEigenvalues: true,
    normEps: 0,
  }),
  shortConvolution({}),
  shortConvolution({ kernel: 4, bias: true }),
];

/** Uses that are wrong: each is a type error. */
export const wrong: readonly MixerUse[] = [
  // @ts-expect-error -- keyDim and valueDim have no default
  gatedDeltaNet({ keyHeads: 2 }),
  // @ts-expect-error -- the setting is called keyHeads
  gatedDeltaNet({ ...net, heads: 2 }),
  // @ts-expect-error -- a number of heads is a number
  gatedDeltaNet({ ...net, valueHeads: '4' }),
  // @ts-expect-error -- there is no such activation
  gatedDeltaNet({ ...net, convolutionActivation: 'swish' }),
  // @ts-expect-error -- settings are given as one record
  gatedDeltaNet(2),
  // @ts-expect-error -- a kernel is a number of taps
  shortConvolution({ kernel: [3] }),
  // @ts-expect-error -- the setting is called kernel
  shortConvolution({ taps: 3 }),
];
