import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { layers } from './law-configs.test-data.ts';

const gpu = await softwareGpu();

const all = takesAll('the laws of all but the first setting of each mixer, and of all without subgroups');
const first = layers.filter(([, { mixer }], index) => layers.findIndex(([, use]) => use.mixer === mixer) === index);

for (const without of all ? [[], ['subgroups']] : [[]]) {
  const device = await requestWebGpu({ gpu, without });
  const options = { test, devices: [device!], reference: new CpuDevice() };

  describe.each(all ? layers : first)(
    `%s${without.map((feature) => `, without ${feature}`).join('')}`,
    (_, { mixer, config }) => {
      describeMixer(mixer, config, 12, options);
    },
  );
}
