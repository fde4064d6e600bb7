import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { gatedLinearAttention } from './gated-linear-attention/gated-linear-attention.ts';
import { kernelAttention } from './kernel-attention/kernel-attention.ts';
import { layers } from './law-configs.test-data.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';

const gpu = await softwareGpu();

// One of each decay: none, a number, a vector; with the delta rule and without. Each takes a minute or so to compile.
const shown = [gatedDeltaNet, gatedLinearAttention, kernelAttention, shortConvolution].map(({ name }) => name);

const all = takesAll('the laws of the other mixers and settings, and of all without subgroups');
const few = layers.filter(
  ([, { mixer }], index) =>
    layers.findIndex(([, use]) => use.mixer === mixer) === index && shown.some((name) => name === mixer.name),
);

for (const without of all ? [[], ['subgroups']] : [[]]) {
  const device = await requestWebGpu({ gpu, without });
  const options = { test, devices: [device!], reference: new CpuDevice() };

  describe.each(all ? layers : few)(
    `%s${without.map((feature) => `, without ${feature}`).join('')}`,
    (_, { mixer, config }) => {
      describeMixer(mixer, config, 12, options);
    },
  );
}
