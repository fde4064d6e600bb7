import { softwareGpu } from '@tessera/software-gpu';
import type { Tensor } from '@tessera/tensor-core';
import { DeviceLostError, add, mul, trace } from '@tessera/tensor-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebGpuDevice } from './runtime/webgpu-device.ts';

const type = { shape: [4], dtype: 'f32' } as const;
const graph = trace((x) => [add(mul(x!, 2), 1)], [type]);
const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);

beforeAll(() => void process.on('unhandledRejection', note));
afterAll(() => void process.off('unhandledRejection', note));

async function open(): Promise<{ gpuDevice: GPUDevice; device: WebGpuDevice }> {
  const adapter = await (await softwareGpu()).requestAdapter();
  const gpuDevice = await adapter!.requestDevice({ requiredFeatures: ['timestamp-query'] });
  return { gpuDevice, device: new WebGpuDevice(gpuDevice) };
}

/** What is under way when the device goes away: promises that must reject. */
const moments: readonly ((device: WebGpuDevice, x: Tensor) => Promise<readonly Promise<unknown>[]>)[] = [
  async function compiling(device) {
    return [device.compile(graph), device.compile(trace((x) => [mul(x!, x!)], [type]))];
  },
  async function running(device, x) {
    (await device.compile(graph)).run([x]);
    return [];
  },
  async function reading(device, x) {
    const [y] = (await device.compile(graph)).run([x]) as [Tensor];
    return [device.read(y), device.read(x)];
  },
  async function profiling(device, x) {
    return [(await device.compile(graph)).profile([x])];
  },
];

/** The error of a promise, watched from now on. */
function outcomeOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'fulfilled',
    (error: unknown) => error,
  );
}

test('a hundred devices are lost amid work: all that waits or comes later is a typed error, and nothing stays', async () => {
  for (let i = 0; i < 100; i++) {
    const { gpuDevice, device } = await open();
    const program = await device.compile(graph);
    const x = device.upload(Float32Array.of(1, 2, 3, 4), type);
    const outcomes = (await moments[i % moments.length]!(device, x)).map(outcomeOf);
    gpuDevice.destroy();
    for (const outcome of outcomes) expect(await outcome).toBeInstanceOf(DeviceLostError);
    expect(await device.lost).toMatchObject({ code: 'DEVICE_LOST', facts: { reason: 'destroyed' } });
    const data = new Float32Array(4);
    for (const call of [
      () => device.upload(data, type),
      () => device.allocate(type),
      () => device.write(x, data),
      () => program.run([x]),
    ])
      expect(call).toThrow(DeviceLostError);
    for (const call of [device.read(x), device.compile(graph), program.profile([x])])
      await expect(call).rejects.toThrow(DeviceLostError);
    x.dispose();
    program.dispose();
    device.dispose();
    device.dispose();
    expect(device.held).toEqual({ buffers: 0, bytes: 0 });
  }
  const { device } = await open();
  const x = device.upload(Float32Array.of(1, 2, 3, 4), type);
  const [y] = (await device.compile(graph)).run([x]) as [Tensor];
  expect([...(await device.read(y))]).toEqual([3, 5, 7, 9]);
  device.dispose();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(unhandled).toEqual([]);
});

test('our own end of a device is no loss; what still waits is told that it was disposed', async () => {
  const { gpuDevice, device } = await open();
  let lost = false;
  void device.lost.then(() => (lost = true));
  const x = device.upload(Float32Array.of(1, 2, 3, 4), type);
  const program = await device.compile(graph);
  const [y] = program.run([x]) as [Tensor];
  const finished = await device.read(y);
  const waiting = [device.read(x), device.compile(trace((a) => [add(a!, 5)], [type])), program.profile([x])].map(
    outcomeOf,
  );
  device.dispose();
  for (const outcome of waiting) expect(await outcome).toMatchObject({ code: 'DISPOSED' });
  expect([...finished]).toEqual([3, 5, 7, 9]);
  for (const call of [() => device.upload(finished, type), () => program.run([x])])
    expect(call).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
  await expect(device.read(y)).rejects.toMatchObject({ code: 'DISPOSED' });
  expect(device.held).toEqual({ buffers: 0, bytes: 0 });
  for (const tensor of [x, y]) tensor.dispose();
  expect(device.allocatedBytes).toBe(0);
  program.dispose();

  // The device was handed in: it lives on, and another executor works on it.
  const other = new WebGpuDevice(gpuDevice, { owned: true });
  const again = other.upload(Float32Array.of(5, 6, 7, 8), type);
  expect([...(await other.read(again))]).toEqual([5, 6, 7, 8]);
  other.dispose();
  expect((await gpuDevice.lost).reason).toBe('destroyed');
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(lost).toBe(false);
  expect(unhandled).toEqual([]);
});
