import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { groupedLinearAttention } from './grouped-linear-attention.ts';
import { groupedConfigs } from './law-configs.test-data.ts';

const gpu = await softwareGpu();
const device = await requestWebGpu({ gpu });
const all = takesAll('the laws of all settings of grouped linear attention');

describe.each(all ? groupedConfigs : groupedConfigs.slice(0, 1))('%s', (_, config) => {
  describeMixer(groupedLinearAttention, config, 12, { test, devices: [device!], reference: new CpuDevice() });
});
