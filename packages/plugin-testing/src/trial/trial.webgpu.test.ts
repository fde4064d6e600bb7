import { requestWebGpu } from '@tessera/kernels-webgpu';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { describeMixer } from '../mixer-laws.ts';
import { layers } from './layers.test-data.ts';

const all = takesAll('the laws of most throw-away layers of the contract');
const device = await requestWebGpu({ gpu: await softwareGpu() });
// A loop over entries with weights of its own, and a memory that another layer reads.
const few = layers.filter(([name]) => /^a memory that learns at every entry|^a later layer/.test(name));

describe.each(all ? layers : few)('%s', (_, { mixer, config }, options) => {
  describeMixer(mixer, config, 12, { test, devices: [device!], reference: new CpuDevice(), ...options });
});
