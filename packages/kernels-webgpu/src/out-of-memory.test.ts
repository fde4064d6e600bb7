import type { Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError, OutOfMemoryError, add, fromHost, matmul, sum, trace } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { WebGpuDevice } from './runtime/webgpu-device.ts';
import { nullGpu } from './testing/null-gpu.test-support.ts';

// The null backend holds 512 MiB, in buffers of at most 128 MiB.
const MiB = 2 ** 20;
const large = { shape: [30 * MiB], dtype: 'f32' } as const;
const small = { shape: [4], dtype: 'f32' } as const;

async function open(): Promise<WebGpuDevice> {
  return new WebGpuDevice(await (await nullGpu().requestAdapter())!.requestDevice(), { owned: true });
}

test('memory that the GPU does not have rejects the next read once, with numbers, and the device goes on', async () => {
  const device = await open();
  const x = device.upload(new Float32Array(4), small);
  const taken = Array.from({ length: 5 }, () => device.allocate(large));
  const error: unknown = await device.read(x).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(OutOfMemoryError);
  expect(error).toMatchObject({
    message: expect.stringMatching(
      /^allocate: the GPU has no memory left for 120 MiB, while 480 MiB in 5 buffers were held\. Use a smaller dtype/,
    ),
    facts: { asked: 120 * MiB },
  });
  expect(await device.read(x)).toHaveLength(4);
  // What never came to be is not in the books, and is not used again.
  expect(device.held.bytes).toBeLessThan(481 * MiB);
  for (const tensor of taken.slice(0, 2)) tensor.dispose();
  await expect(device.read(taken[4]!)).rejects.toMatchObject({ code: 'GPU_VALIDATION' });
  for (const tensor of taken) tensor.dispose();
  const again = device.allocate(large);
  device.write(again, new Float32Array(16));
  expect(await device.read(x)).toHaveLength(4);
  for (const tensor of [x, again]) tensor.dispose();
  expect(device.allocatedBytes).toBe(0);
  device.dispose();
  expect(device.held).toEqual({ buffers: 0, bytes: 0 });
});

test('reads that were called together are all told, also when only one of them is awaited first', async () => {
  const device = await open();
  const x = device.upload(new Float32Array(4), small);
  for (let i = 0; i < 5; i++) device.allocate(large);
  const outcomes = await Promise.allSettled([device.read(x), device.read(x)]);
  expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  device.dispose();
});

test('a program whose constants or temporaries do not fit is refused when it is compiled, and gives back what it took', async () => {
  const device = await open();
  const held = Array.from({ length: 4 }, () => device.allocate(large));
  const weight = fromHost(new Float32Array(25 * MiB), [25 * MiB]);
  const constant = trace((x) => [add(x!, sum(weight))], [small]);
  await expect(device.compile(constant)).rejects.toThrow(OutOfMemoryError);
  const column = { shape: [5000, 1], dtype: 'f32' } as const;
  const temporary = trace(
    (a, b) => [sum(matmul(matmul(a!, b!), matmul(a!, b!)))],
    [column, { shape: [1, 5000], dtype: 'f32' }],
  );
  await expect(device.compile(temporary)).rejects.toThrow(OutOfMemoryError);
  for (const tensor of held) tensor.dispose();
  for (const graph of [constant, temporary]) (await device.compile(graph)).dispose();
  device.dispose();
});

test('an output that does not fit rejects the read after the run', async () => {
  const device = await open();
  const program = await device.compile(trace((x) => [add(x!, 1)], [large]));
  const x = device.allocate(large);
  const outputs = Array.from({ length: 4 }, () => program.run([x])[0] as Tensor);
  await expect(device.read(outputs[3]!)).rejects.toThrow(/^output: the GPU has no memory left for 120 MiB/);
  device.dispose();
});

test('what is larger than a buffer may be is refused before it is asked for', async () => {
  const device = await open();
  const huge = { shape: [40 * MiB], dtype: 'f32' } as const;
  const refusal = { code: 'FEATURE_UNAVAILABLE', facts: { asked: 160 * MiB, most: 128 * MiB } };
  expect(() => device.allocate(huge)).toThrow(expect.objectContaining(refusal));
  expect(() => device.upload(new Float32Array(40 * MiB), huge)).toThrow(
    /^upload: takes 160 MiB in one buffer, and this device allows 128 MiB/,
  );
  await expect(device.compile(trace((x) => [add(x!, 1)], [huge]))).rejects.toThrow(FeatureUnavailableError);
  await expect(device.compile(trace((x) => [add(x!, 1)], [huge]))).rejects.toMatchObject(refusal);
  expect(device.held.buffers).toBe(0);
  device.dispose();
});

test('an executor that is disposed gives all its memory back to the device that was handed in', async () => {
  const gpuDevice = await (await nullGpu().requestAdapter())!.requestDevice();
  for (let i = 0; i < 3; i++) {
    const device = new WebGpuDevice(gpuDevice);
    const held = Array.from({ length: 3 }, () => device.allocate(large));
    await device.compile(trace((x) => [add(x!, sum(fromHost(new Float32Array(4), [4])))], [small]));
    const [x] = held as [Tensor];
    x.dispose();
    expect(await device.read(device.upload(new Float32Array(4), small))).toHaveLength(4);
    device.dispose();
  }
  gpuDevice.destroy();
});
