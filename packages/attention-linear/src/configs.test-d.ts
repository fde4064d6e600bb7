import type { MixerUse } from '@tessera/plugin';
import { deltaNet } from './delta-net/delta-net.ts';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { gatedDeltaProduct } from './gated-delta-product/gated-delta-product.ts';
import { gatedLinearAttention } from './gated-linear-attention/gated-linear-attention.ts';
import { kernelAttention } from './kernel-attention/kernel-attention.ts';
import { kimiDeltaAttention } from './kimi-delta-attention/kimi-delta-attention.ts';
import { lightningAttention, lightningSlopes } from './lightning-attention/lightning-attention.ts';
import { retention } from './retention/retention.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';
import { simpleGatedLinearAttention } from './simple-gated-linear-attention/simple-gated-linear-attention.ts';

const net = { keyHeads: 2, keyDim: 4, valueDim: 4 };
const heads = { heads: 2, keyDim: 4, valueDim: 4 };

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
  gatedDeltaProduct({ ...net, householders: 3, forgetGate: false }),
  kimiDeltaAttention({ ...net, decayFloor: -5, gateRank: 8, gateBias: true }),
  deltaNet({ ...heads, keyActivation: 'elu+1', keyNorm: 'sum', learnedStrength: false }),
  gatedLinearAttention({ ...heads, kvHeads: 1, gateRank: 4, decayFloor: -1 }),
  simpleGatedLinearAttention({ ...heads, gateNormalizer: 8 }),
  retention({ ...heads, rotaryTheta: 500 }),
  lightningAttention({ ...heads, slopes: lightningSlopes(2, 0, 4) }),
  kernelAttention({ ...heads, featureMap: 'favor', features: 8 }),
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
  // @ts-expect-error -- it has steps, not a number of heads called so
  gatedDeltaProduct({ ...net, num_householder: 2 }),
  // @ts-expect-error -- a floor is a number
  kimiDeltaAttention({ ...net, decayFloor: true }),
  // @ts-expect-error -- elu without the 1 may be negative, and is not among them
  deltaNet({ ...heads, keyActivation: 'elu' }),
  // @ts-expect-error -- keys and values are shared by kvHeads
  gatedLinearAttention({ ...heads, valueHeads: 2 }),
  // @ts-expect-error -- slopes have no default: they depend on the layer
  lightningAttention(heads),
  // @ts-expect-error -- there is no such feature map
  kernelAttention({ ...heads, featureMap: 'cosine' }),
  // @ts-expect-error -- a kernel is a number of taps
  shortConvolution({ kernel: [3] }),
  // @ts-expect-error -- the setting is called kernel
  shortConvolution({ taps: 3 }),
];
