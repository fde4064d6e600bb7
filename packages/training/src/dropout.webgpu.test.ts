import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { dropout } from '@tessera/ops';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice, fromHost, ones, trace } from '@tessera/tensor-core';
import type { Device } from '@tessera/tensor-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dropoutSpec, lossesWith } from './dropout.test-data.ts';
import { smallSpec } from './test-models.test-data.ts';

let gpu: WebGpuDevice;
beforeAll(async () => {
  gpu = (await requestWebGpu({ gpu: await softwareGpu() }))!;
});
afterAll(() => gpu.dispose());

test.each([0.1, 0.7])('a key drops the same elements on the GPU as on the CPU, with p = %f', async (probability) => {
  const values = async (device: Device): Promise<number[]> => {
    const program = await device.compile(
      trace((key) => [dropout(ones([7, 300]), { probability, key: key! })], [{ shape: [2], dtype: 'u32' }]),
    );
    return [...(await device.read(program.run([fromHost(Uint32Array.of(11, 12), [2], 'u32')])[0]!))];
  };
  const cpu = await values(new CpuDevice());
  expect(new Set(cpu).size).toBe(2);
  expect(await values(gpu)).toEqual(cpu);
});

test('a training with dropout goes on the GPU as on the CPU', async () => {
  const given = dropoutSpec({ embedding: 0.2, residual: 0.3, attention: 0.4 }, smallSpec);
  const cpu = await lossesWith(new CpuDevice(), given);
  const made = await lossesWith(gpu, given);
  made.forEach((value, index) => expect(Math.abs(value / cpu[index]! - 1)).toBeLessThan(1e-3));
  expect(await lossesWith(new CpuDevice(), smallSpec)).not.toEqual(cpu);
});
