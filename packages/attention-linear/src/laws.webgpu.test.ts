import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { convolutions, nets } from './law-configs.test-data.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';

const gpu = await softwareGpu();

const all = takesAll('the laws of two settings of Gated DeltaNet, and of all mixers without subgroups');

for (const without of all ? [[], ['subgroups']] : [[]]) {
  const device = await requestWebGpu({ gpu, without });
  const options = { test, devices: [device!], reference: new CpuDevice() };

  describe.each(all ? nets : nets.slice(0, 2))(
    `%s${without.map((feature) => `, without ${feature}`).join('')}`,
    (_, config) => {
      describeMixer(gatedDeltaNet, config, 12, options);
    },
  );
  describe.each(convolutions)(`%s${without.map((feature) => `, without ${feature}`).join('')}`, (_, config) => {
    describeMixer(shortConvolution, config, 12, options);
  });
}
