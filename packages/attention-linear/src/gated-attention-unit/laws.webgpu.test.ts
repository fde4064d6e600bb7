import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { gatedAttentionUnit } from './gated-attention-unit.ts';
import { unitConfigs } from './law-configs.test-data.ts';

const device = await requestWebGpu({ gpu: await softwareGpu() });
const all = takesAll('the laws of gated attention units but those of the groups before alone');

describe.each(all ? unitConfigs : unitConfigs.filter(([, { parts }]) => parts === 'global'))('%s', (_, config) => {
  describeMixer(gatedAttentionUnit, config, 12, { test, devices: [device!], reference: new CpuDevice() });
});
