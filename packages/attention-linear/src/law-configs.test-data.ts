import type { GatedDeltaNetConfig } from './gated-delta-net/gated-delta-net.ts';
import type { ShortConvolutionConfig } from './short-convolution/short-convolution.ts';

/** Settings of Gated DeltaNet that the laws are put to. */
export const nets: readonly [string, GatedDeltaNetConfig][] = [
  ['equal heads', { keyHeads: 2, keyDim: 4, valueDim: 6 }],
  [
    'several value heads to a key head, convolution of 3',
    { keyHeads: 2, valueHeads: 6, keyDim: 3, valueDim: 4, convolution: 3 },
  ],
  [
    'negative eigenvalues, no convolution to speak of',
    { keyHeads: 3, keyDim: 4, valueDim: 4, negativeEigenvalues: true, convolution: 1 },
  ],
  ['no convolution and no gate', { keyHeads: 1, keyDim: 4, valueDim: 3, convolution: 0, outputGate: false }],
  ['biases of the convolutions', { keyHeads: 1, keyDim: 4, valueDim: 3, convolution: 4, convolutionBias: true }],
  ['another activation', { keyHeads: 1, keyDim: 4, valueDim: 4, convolutionActivation: 'identity', normEps: 1e-3 }],
];

/** The same of gated short convolutions. */
export const convolutions: readonly [string, ShortConvolutionConfig][] = [
  ['defaults', {}],
  ['a kernel of 1', { kernel: 1 }],
  ['a kernel of 4, biases', { kernel: 4, bias: true }],
];
