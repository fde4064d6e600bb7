import { describeMixer } from '@tessera/plugin-testing';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { groupedCrossAttention } from './grouped-cross-attention.ts';
import { groupedLinearAttention } from './grouped-linear-attention.ts';
import { groupedLinearEncoder } from './grouped-linear-encoder.ts';
import { crossConfigs, encoderConfigs, groupedConfigs } from './law-configs.test-data.ts';

describe.each(groupedConfigs)('%s', (_, config) => {
  describeMixer(groupedLinearAttention, config, 12, { test });
});

describe.each(encoderConfigs)('%s', (_, config) => {
  describeMixer(groupedLinearEncoder, config, 12, { test, segments: false });
});

describe.each(crossConfigs)('%s', (_, config) => {
  describeMixer(groupedCrossAttention, config, 12, { test, segments: false, context: 14 });
});

describe('from definitions alone, in double precision', () => {
  describeMixer(groupedLinearAttention, { heads: 2, kvHeads: 1, group: 4, convolution: 3 }, 12, {
    test,
    devices: [new CpuDevice({ precision: 'f64', definitionsOnly: true })],
    tolerance: 1e-12,
  });
});
