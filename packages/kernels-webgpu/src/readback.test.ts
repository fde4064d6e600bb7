import { softwareGpu } from '@tessera/software-gpu';
import { DeviceLostError, ShapeError, add, concat, fromHost, matmul, sum, tensor, trace } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { WebGpuDevice } from './runtime/webgpu-device.ts';
import { testDevice } from './testing/compare.test-support.ts';

const counting = (n: number): Float32Array => Float32Array.from({ length: n }, (_, i) => i);

test('reads that overlap each bring their own values, whatever is disposed or written meanwhile', async () => {
  const device = await testDevice();
  const program = await device.compile(trace((x) => [add(x!, 1)], [{ shape: [70], dtype: 'f32' }]));
  const reads = Array.from({ length: 20 }, (_, i) => {
    const x = device.upload(new Float32Array(70).fill(i), { shape: [70], dtype: 'f32' });
    const [y] = program.run([x]) as [Tensor];
    const values = device.read(y);
    device.write(y, new Float32Array(70).fill(-1));
    for (const used of [x, y]) used.dispose();
    return values;
  });
  program.dispose();
  expect((await Promise.all(reads)).map((values) => values[69])).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
});

test('a value larger than a staging buffer comes in pieces, as it was when it was read', async () => {
  const device = await testDevice();
  const n = 17 * 2 ** 20 + 3;
  const x = device.upload(counting(n), { shape: [n], dtype: 'f32' });
  const before = { ...device.counters };
  const reading = device.read(x);
  device.write(x, new Float32Array(n));
  const values = await reading;
  expect(device.counters).toMatchObject({ stagingBuffers: before.stagingBuffers + 2, submits: before.submits + 1 });
  expect(values).toHaveLength(n);
  // Not by deep equality, which takes a minute for as many.
  expect(values.findIndex((value, i) => value !== Math.fround(i))).toBe(-1);
  expect((await device.read(x)).findIndex((value) => value !== 0)).toBe(-1);
  x.dispose();
});

test('values of no element are uploaded, computed with and read', async () => {
  const device = await testDevice();
  const none = device.upload(new Float32Array(0), { shape: [0, 3], dtype: 'f32' });
  device.write(none, new Float32Array(0));
  const program = await device.compile(
    trace(
      (x) => [
        add(x!, 1),
        sum(x!, { axis: 0 }),
        concat([x!, tensor([[1, 2, 3]])], 0),
        matmul(x!, tensor([[1], [2], [3]])),
      ],
      [none],
    ),
  );
  const outputs = program.run([none]);
  expect(outputs.map(({ shape }) => shape)).toEqual([[0, 3], [3], [1, 3], [0, 1]]);
  const values = await Promise.all(outputs.map((output) => device.read(output)));
  expect(values.map((value) => [...value])).toEqual([[], [0, 0, 0], [1, 2, 3], []]);
  expect((await device.read(none)).constructor).toBe(Float32Array);
  for (const used of [none, ...outputs]) used.dispose();
  program.dispose();
});

test('tensors that were disposed, or are not here, are refused by name', async () => {
  const device = await testDevice();
  const x = device.upload(counting(3), { shape: [3], dtype: 'f32' });
  x.dispose();
  x.dispose();
  await expect(device.read(x)).rejects.toMatchObject({ code: 'DISPOSED' });
  await expect(device.read(fromHost(counting(3), [3]))).rejects.toMatchObject({ code: 'NOT_RESIDENT' });
  const program = await device.compile(
    trace(
      (a, b) => [add(a!, b!)],
      [
        { shape: [3], dtype: 'f32' },
        { shape: [3], dtype: 'f32' },
      ],
    ),
  );
  const { buffers } = device.held;
  expect(() => program.run([fromHost(counting(3), [3]), x])).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
  // The first input was not uploaded for nothing.
  expect(device.held.buffers).toBe(buffers);
  expect(() => program.run([x])).toThrow(/takes 2 inputs, got 1/);
  expect(() => program.run([fromHost(counting(3), [3]), fromHost(counting(2), [2])])).toThrow(ShapeError);
  program.dispose();
  program.dispose();
  expect(() => program.run([])).toThrow(expect.objectContaining({ code: 'DISPOSED' }));
});

test('pieces are written where words begin and end', async () => {
  const device = await testDevice();
  const x = device.upload(new Uint16Array(7).fill(1), { shape: [7], dtype: 'f16' });
  device.write(x, Uint16Array.of(5, 6), 2);
  device.write(x, Uint16Array.of(9), 6);
  expect([...(await device.read(x))]).toEqual([1, 1, 5, 6, 1, 1, 9]);
  for (const [length, offset] of [
    [1, 2],
    [2, 1],
    [2, 6],
    [8, 0],
    [1, -2],
  ] as const)
    // prettier-ignore
    expect(() => device.write(x, new Uint16Array(length), offset)).toThrow(ShapeError);
  x.dispose();
});

/** A device whose staging buffers are changed as they are made. */
async function withStaging(
  change: (staging: GPUBuffer) => void,
): Promise<{ gpuDevice: GPUDevice; device: WebGpuDevice }> {
  const gpuDevice = await (await (await softwareGpu()).requestAdapter())!.requestDevice();
  const watched = new Proxy(gpuDevice, {
    get(target, key) {
      if (key === 'createBuffer')
        return (descriptor: GPUBufferDescriptor): GPUBuffer => {
          const buffer = target.createBuffer(descriptor);
          if (descriptor.label === 'read back') change(buffer);
          return buffer;
        };
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return { gpuDevice, device: new WebGpuDevice(watched) };
}

test('a mapping that fails is an error of its own, and the next read works', async () => {
  const made: GPUBuffer[] = [];
  const { gpuDevice, device } = await withStaging((staging) => made.push(staging));
  const x = device.upload(counting(3), { shape: [3], dtype: 'f32' });
  const reading = device.read(x);
  made[0]!.destroy();
  await expect(reading).rejects.toMatchObject({ code: 'READBACK' });
  expect([...(await device.read(x))]).toEqual([0, 1, 2]);
  expect(made).toHaveLength(2);
  device.dispose();
  gpuDevice.destroy();
});

test('a mapping that never answers does not outlive its device', async () => {
  const { gpuDevice, device } = await withStaging((staging) => {
    staging.mapAsync = () => new Promise(() => {});
  });
  const reading = device.read(device.upload(counting(3), { shape: [3], dtype: 'f32' }));
  gpuDevice.destroy();
  await expect(reading).rejects.toThrow(DeviceLostError);
});
