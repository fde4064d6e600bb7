import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { groupedTiedAttention } from './tied/grouped-tied-attention.ts';

const device = await requestWebGpu({ gpu: await softwareGpu() });
const options = { test, devices: [device!], reference: new CpuDevice() };

// Widths that the kernel takes: four elements at a time.
describe('GLA, low-rank queries, in pages of 4', () => {
  const config = { heads: 4, headDim: 4, rotaryDim: 4, latentDim: 8, queryRank: 6, rotary: {}, pageSize: 4 };
  describeMixer(groupedLatentAttention, config, 12, options);
});

describe.runIf(takesAll('the laws of grouped-tied attention'))('GTA, two heads of keys', () => {
  const config = { heads: 4, kvHeads: 2, headDim: 8, rotaryDim: 4, rotary: {}, sharedKeyBias: true };
  describeMixer(groupedTiedAttention, config, 12, options);
});
