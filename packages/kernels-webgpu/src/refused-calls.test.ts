import { add, fromHost, trace } from '@tessera/tensor-core';
import { expect, test, vi } from 'vitest';
import { WebGpuDevice } from './runtime/webgpu-device.ts';
import { nullGpu } from './testing/null-gpu.test-support.ts';

const type = { shape: [4], dtype: 'f32' } as const;

async function open(owned = true): Promise<{ gpuDevice: GPUDevice; device: WebGpuDevice }> {
  const gpuDevice = await (await nullGpu().requestAdapter())!.requestDevice();
  return { gpuDevice, device: new WebGpuDevice(gpuDevice, { owned }) };
}

test('an error outside of any call rejects the next read or compilation, once', async () => {
  const { gpuDevice, device } = await open();
  const x = device.upload(new Float32Array(4), type);
  gpuDevice.createBuffer({ label: 'a wrong one', size: 16, usage: 0xffff });
  await new Promise((resolve) => setTimeout(resolve, 10));
  await expect(device.read(x)).rejects.toMatchObject({
    code: 'GPU_VALIDATION',
    message: expect.stringContaining('a wrong one'),
  });
  expect(await device.read(x)).toHaveLength(4);
  gpuDevice.createBuffer({ label: 'another', size: 16, usage: 0xffff });
  await new Promise((resolve) => setTimeout(resolve, 10));
  await expect(device.compile(trace((a) => [add(a!, 1)], [type]))).rejects.toThrow('another');
  device.dispose();
});

test('on a device that was handed in, errors of others are theirs', async () => {
  const { gpuDevice, device } = await open(false);
  const x = device.upload(new Float32Array(4), type);
  const theirs: string[] = [];
  gpuDevice.addEventListener('uncapturederror', (event) => {
    event.preventDefault();
    theirs.push(event.error.message);
  });
  gpuDevice.createBuffer({ label: 'a wrong one', size: 16, usage: 0xffff });
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(await device.read(x)).toHaveLength(4);
  expect(theirs).toHaveLength(1);
  device.dispose();
  gpuDevice.destroy();
});

test('a run that fails while it is encoded keeps nothing', async () => {
  const { gpuDevice, device } = await open();
  const x = device.upload(new Float32Array(4), type);
  const program = await device.compile(trace((a, b) => [add(a!, b!)], [type, type]));
  const run = (): void => program.run([x, fromHost(new Float32Array(4), [4])])[0]!.dispose();
  run();
  await device.read(x);
  vi.spyOn(gpuDevice, 'createBindGroup').mockImplementation(() => {
    throw new Error('no groups today');
  });
  const other = device.upload(new Float32Array(4), type);
  const fail = async (): Promise<number> => {
    expect(() => program.run([other, fromHost(new Float32Array(4), [4])])).toThrow('no groups today');
    await device.read(x);
    return device.counters.buffers;
  };
  const made = await fail();
  for (let i = 0; i < 3; i++) expect(await fail()).toBe(made);
  vi.restoreAllMocks();
  run();
  expect(device.counters.buffers).toBe(made);
  device.dispose();
});
