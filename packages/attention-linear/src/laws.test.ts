import { describeMixer } from '@tessera/plugin-testing';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { layers } from './law-configs.test-data.ts';

// The laws step over 1 to 17 entries at once: both sides of the switch from recurrence to chunks.
describe.each(layers)('%s', (_, { mixer, config }) => {
  describeMixer(mixer, config, 12, { test });
});

describe('from definitions alone, in double precision', () => {
  const devices = [new CpuDevice({ precision: 'f64', definitionsOnly: true })];
  const names = new Set<string>();
  for (const [, { mixer, config }] of layers) {
    if (names.has(mixer.name)) continue;
    names.add(mixer.name);
    describeMixer(mixer, config, 12, { test, devices, tolerance: 1e-12 });
  }
});
