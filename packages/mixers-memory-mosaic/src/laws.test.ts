import { describeMixer } from '@tessera/plugin-testing';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { uses } from './law-configs.test-data.ts';

describe.each(uses)('%s', (_, { mixer, config }) => {
  describeMixer(mixer, config, 12, { test });
});

describe.each(uses.slice(0, 2))('%s, from definitions alone, in double precision', (_, { mixer, config }) => {
  const devices = [new CpuDevice({ precision: 'f64', definitionsOnly: true })];
  describeMixer(mixer, config, 12, { test, devices, tolerance: 1e-10 });
});
