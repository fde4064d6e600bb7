import { describeMixer } from '@tessera/plugin-testing';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { convolutions, nets } from './law-configs.test-data.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';

// The laws step over 1 to 17 entries at once: both sides of the switch from recurrence to chunks.

describe.each(nets)('%s', (_, config) => {
  describeMixer(gatedDeltaNet, config, 12, { test });
});

describe.each(convolutions)('%s', (_, config) => {
  describeMixer(shortConvolution, config, 12, { test });
});

describe('from definitions alone, in double precision', () => {
  const options = {
    test,
    devices: [new CpuDevice({ precision: 'f64', definitionsOnly: true })],
    tolerance: 1e-12,
  };
  describeMixer(gatedDeltaNet, { keyHeads: 2, valueHeads: 4, keyDim: 3, valueDim: 5 }, 12, options);
  describeMixer(shortConvolution, { bias: true }, 12, options);
});
