import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { bidirectionalAttention } from './bidirectional-attention.ts';
import { configs } from './law-configs.test-data.ts';
import { softmaxAttention } from './softmax-attention.ts';

const gpu = await softwareGpu();

// Shared keys, a window, sinks, and scores that are changed: what kernels tell apart.
const shown = ['grouped, norm', 'a window of 5', 'learned logits', 'capped scores'];
const all = takesAll('the laws of softmax attention with other settings, and of all without subgroups');
const few = configs.filter(([name]) => shown.some((start) => name.startsWith(start)));

for (const without of all ? [[], ['subgroups']] : [[]]) {
  const device = await requestWebGpu({ gpu, without });
  const options = { test, devices: [device!], reference: new CpuDevice() };

  describe.each(all ? configs : few)(`%s${without.map((feature) => `, without ${feature}`).join('')}`, (_, config) => {
    describeMixer(softmaxAttention, config, 12, options);
    describeMixer(bidirectionalAttention, config, 12, options);
  });
}
