import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { longer, under, uses } from './laws.test-data.ts';

const device = (await requestWebGpu({ gpu: await softwareGpu() }))!;
const some = takesAll('the laws of latent attention under a policy of sinks') ? uses : uses.slice(0, 1);

describe.each(some)('%s under a policy of sinks', (_, use) => {
  const { mixer, config } = under(longer, use);
  describeMixer(mixer, config, 12, { test, devices: [device], reference: new CpuDevice() });
});
