import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { bidirectionalAttention } from './bidirectional-attention.ts';
import { configs } from './law-configs.test-data.ts';
import { softmaxAttention } from './softmax-attention.ts';

const gpu = await softwareGpu();

for (const without of takesAll('the laws of softmax attention without subgroups') ? [[], ['subgroups']] : [[]]) {
  const device = await requestWebGpu({ gpu, without });
  const options = { test, devices: [device!], reference: new CpuDevice() };

  describe.each(configs)(`%s${without.map((feature) => `, without ${feature}`).join('')}`, (_, config) => {
    describeMixer(softmaxAttention, config, 12, options);
    describeMixer(bidirectionalAttention, config, 12, options);
  });
}
