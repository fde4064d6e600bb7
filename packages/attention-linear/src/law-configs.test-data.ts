import type { MixerUse } from '@tessera/plugin';
import { deltaNet } from './delta-net/delta-net.ts';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { gatedDeltaProduct } from './gated-delta-product/gated-delta-product.ts';
import { gatedLinearAttention } from './gated-linear-attention/gated-linear-attention.ts';
import type { KernelAttentionConfig } from './kernel-attention/kernel-attention.ts';
import { kernelAttention } from './kernel-attention/kernel-attention.ts';
import { kimiDeltaAttention } from './kimi-delta-attention/kimi-delta-attention.ts';
import { lightningAttention } from './lightning-attention/lightning-attention.ts';
import { retention } from './retention/retention.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';
import { simpleGatedLinearAttention } from './simple-gated-linear-attention/simple-gated-linear-attention.ts';

const one = { keyHeads: 1, keyDim: 4, valueDim: 3 };
const two = { heads: 2, keyDim: 4, valueDim: 3 };
const kernel = (config: Partial<KernelAttentionConfig>): MixerUse =>
  kernelAttention({ heads: 2, keyDim: 3, valueDim: 4, ...config });
const unnormalized = { normalize: false, outputNorm: 'rms' } as const;

/** Mixers that the laws are put to, in these settings. */
export const layers: readonly (readonly [string, MixerUse])[] = [
  ['equal heads', gatedDeltaNet({ keyHeads: 2, keyDim: 4, valueDim: 6 })],
  [
    'several value heads to a key head, convolution of 3',
    gatedDeltaNet({ keyHeads: 2, valueHeads: 6, keyDim: 3, valueDim: 4, convolution: 3 }),
  ],
  [
    'negative eigenvalues, no convolution to speak of',
    gatedDeltaNet({ keyHeads: 3, keyDim: 4, valueDim: 4, negativeEigenvalues: true, convolution: 1 }),
  ],
  ['no convolution and no gate', gatedDeltaNet({ ...one, convolution: 0, outputGate: false })],
  ['biases of the convolutions', gatedDeltaNet({ ...one, convolutionBias: true })],
  ['another activation', gatedDeltaNet({ ...one, convolutionActivation: 'identity', normEps: 1e-3 })],
  ['defaults', deltaNet({ ...two, keyDim: 3 })],
  [
    'a gate, β of 2, keys through elu + 1 and over their length',
    deltaNet({ ...two, outputGate: true, learnedStrength: false, negativeEigenvalues: true, keyActivation: 'elu+1' }),
  ],
  [
    'no convolution, keys through relu and over their sum',
    deltaNet({ ...two, convolution: 0, keyActivation: 'relu', keyNorm: 'sum' }),
  ],
  ['two steps', gatedDeltaProduct({ ...one, keyHeads: 2, keyDim: 3, convolution: 2 })],
  [
    'three steps, value heads that share key heads, no decay, no gate',
    gatedDeltaProduct({ ...one, valueHeads: 2, householders: 3, forgetGate: false, outputGate: false, convolution: 0 }),
  ],
  ['defaults', kimiDeltaAttention({ ...one, keyHeads: 2 })],
  [
    'value heads that share key heads, a floor, a bias, another rank',
    kimiDeltaAttention({ ...one, valueHeads: 2, decayFloor: -5, gateBias: true, gateRank: 2, convolution: 0 }),
  ],
  ['another activation', kimiDeltaAttention({ ...one, convolutionActivation: 'gelu' })],
  ['defaults', gatedLinearAttention(two)],
  [
    'heads that share keys, convolutions with biases, a floor and a feature map',
    gatedLinearAttention({
      ...two,
      kvHeads: 1,
      convolution: 3,
      convolutionBias: true,
      decayFloor: -0.05,
      featureActivation: 'relu',
    }),
  ],
  ['defaults', simpleGatedLinearAttention(two)],
  [
    'heads that share keys, no gate',
    simpleGatedLinearAttention({ ...two, kvHeads: 1, convolution: 2, outputGate: false }),
  ],
  ['defaults', retention(two)],
  [
    'heads that share keys, no weight of the norm, another gate',
    retention({ ...two, kvHeads: 1, normWeight: false, gateActivation: 'sigmoid', convolution: 2 }),
  ],
  ['slopes', lightningAttention({ ...two, slopes: [0.5, 0.01] })],
  ['elu', kernel({})],
  ['relu², heads that share keys', kernel({ featureMap: 'relu2', kvHeads: 1, outputNorm: 'rms' })],
  ['FAVOR+', kernel({ featureMap: 'favor', features: 5 })],
  ['Taylor', kernel({ featureMap: 'taylor' })],
  ['Hedgehog', kernel({ featureMap: 'hedgehog' })],
  ['T2R, tied', kernel({ featureMap: 't2r', tiedFeatureMaps: true })],
  ['a learned product', kernel({ featureMap: 'product', ...unnormalized })],
  ['DPFP', kernel({ featureMap: 'dpfp', shifts: 2, ...unnormalized, normWeight: false })],
  ['identity', kernel({ featureMap: 'identity', ...unnormalized })],
  ['relu, over sums', kernel({ featureMap: 'relu', queriesOverSum: true, keysOverSum: true, ...unnormalized })],
  ['defaults', shortConvolution({})],
  ['a kernel of 1', shortConvolution({ kernel: 1 })],
  ['a kernel of 4, biases', shortConvolution({ kernel: 4, bias: true })],
];
