import { describeMixer } from '@tessera/plugin-testing';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { uses } from './law-configs.test-data.ts';

describe.each(uses)('%s', (_, { mixer, config }) => {
  describeMixer(mixer, config, 12, { test });
});

describe('from definitions alone, in double precision, in pages of 2', () => {
  const devices = [new CpuDevice({ precision: 'f64', definitionsOnly: true })];
  // `empty`: the definition of softmax has no maximum over no key.
  const config = { heads: 2, latentDim: 6, rotaryDim: 4, rotary: {}, pageSize: 2 };
  describeMixer(groupedLatentAttention, config, 12, { test, devices, tolerance: 1e-12, empty: false });
});
