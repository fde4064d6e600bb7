import { requestWebGpu } from '@tessera/kernels-webgpu';
import { describeMixer } from '@tessera/plugin-testing';
import { softwareGpu, takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import { describe, test } from 'vitest';
import { successorMemory } from './successor-memory.ts';

// Nothing in the mixer knows of WebGPU: what passes on the CPU passes here.
const device = await requestWebGpu({ gpu: await softwareGpu() });
const options = { test, segments: false, devices: [device!], reference: new CpuDevice() };

describe.runIf(takesAll('the laws of a single successor memory'))('one memory', () => {
  describeMixer(successorMemory, { heads: 1, headDim: 4 }, 12, options);
});

describe('several memories', () => {
  describeMixer(successorMemory, { heads: 2, headDim: 3 }, 12, options);
});
