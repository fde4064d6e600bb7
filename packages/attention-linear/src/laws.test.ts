import { describeMixer } from '@tessera/plugin-testing';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import type { GatedDeltaNetConfig } from './gated-delta-net/gated-delta-net.ts';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import type { ShortConvolutionConfig } from './short-convolution/short-convolution.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';

// The laws step over 1 to 17 entries at once: both sides of the switch from recurrence to chunks.

const nets: readonly [string, GatedDeltaNetConfig][] = [
  ['equal heads', { keyHeads: 2, keyDim: 4, valueDim: 6 }],
  [
    'several value heads to a key head, convolution of 3',
    { keyHeads: 2, valueHeads: 6, keyDim: 3, valueDim: 4, convolution: 3 },
  ],
  [
    'negative eigenvalues, no convolution to speak of',
    { keyHeads: 3, keyDim: 4, valueDim: 4, negativeEigenvalues: true, convolution: 1 },
  ],
  ['another activation', { keyHeads: 1, keyDim: 4, valueDim: 4, convolutionActivation: 'identity', normEps: 1e-3 }],
];

describe.each(nets)('%s', (_, config) => {
  describeMixer(gatedDeltaNet, config, 12, { test, segments: false });
});

const convolutions: readonly [string, ShortConvolutionConfig][] = [
  ['defaults', {}],
  ['a kernel of 1', { kernel: 1 }],
  ['a kernel of 4, biases', { kernel: 4, bias: true }],
];

describe.each(convolutions)('%s', (_, config) => {
  describeMixer(shortConvolution, config, 12, { test, segments: false });
});

describe('from definitions alone, in double precision', () => {
  const options = {
    test,
    segments: false,
    devices: [new CpuDevice({ precision: 'f64', definitionsOnly: true })],
    tolerance: 1e-12,
  };
  describeMixer(gatedDeltaNet, { keyHeads: 2, valueHeads: 4, keyDim: 3, valueDim: 5 }, 12, options);
  describeMixer(shortConvolution, { bias: true }, 12, options);
});
