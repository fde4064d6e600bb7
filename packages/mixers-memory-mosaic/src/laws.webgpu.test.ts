import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { uses } from './law-configs.test-data.ts';

const device = await requestWebGpu({ gpu: await softwareGpu() });
const options = { test, devices: [device!], reference: new CpuDevice() };

const always = ['biases, a window of 5', 'three stores, biases, keys of two entries'];
const rest = takesAll('the laws of memories with other settings');

describe.each(uses.filter(([name]) => rest || always.includes(name)))('%s', (name, { mixer, config }) => {
  // A key of two numbers may be next to nothing before it is normalized: in f32 the CPU, too, is 2e-5 from double precision.
  const tolerance = name.endsWith('narrow heads') ? 2e-4 : 2e-5;
  describeMixer(mixer, config, 12, { ...options, tolerance });
});
