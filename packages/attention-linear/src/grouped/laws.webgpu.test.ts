import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer, mixerLaws } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { groupedLinearAttention } from './grouped-linear-attention.ts';
import { groupedConfigs } from './law-configs.test-data.ts';

const gpu = await softwareGpu();
const device = await requestWebGpu({ gpu });
const all = takesAll('the laws of all settings of grouped linear attention');

const options = { devices: [device!], reference: new CpuDevice() };

describe.each(all ? groupedConfigs : groupedConfigs.slice(0, 1))('%s', (_, config) => {
  describeMixer(groupedLinearAttention, config, 12, { test, ...options });
});

test('a tree is read along more taps than the device binds buffers', async () => {
  const subject = { mixer: groupedLinearAttention, config: { heads: 2, group: 64, convolution: 32 }, dModel: 12 };
  const law = mixerLaws({ ...subject, ...options }).find(
    ({ name }) => name === 'a chain given as a tree equals a chain',
  );
  await expect(law!.run()).resolves.toBeUndefined();
});
