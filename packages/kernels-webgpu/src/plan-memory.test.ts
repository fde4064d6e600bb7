import { add, fromHost, matmul, mul, sum, trace } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { WebGpuDevice } from './runtime/webgpu-device.ts';
import { nullGpu } from './testing/null-gpu.test-support.ts';

test('what a program would take is known before anything of it is taken, and is what it takes', async () => {
  const device = new WebGpuDevice(await (await nullGpu().requestAdapter())!.requestDevice(), { owned: true });
  const square = { shape: [100, 100], dtype: 'f32' } as const;
  const weight = fromHost(new Float32Array(10_000), [100, 100]);
  const graph = trace((a, b) => [matmul(matmul(a!, weight), b!), mul(a!, 0.5), sum(b!)], [square, square]);
  const options = { donate: [0] };
  const planned = device.planMemory(graph, options);
  expect(device.held).toEqual({ buffers: 0, bytes: 0 });
  expect(planned.temporaries.length).toBeGreaterThan(0);
  expect(planned.constants).toEqual([40_960]);
  const program = await device.compile(graph, options);
  expect(program.memory).toEqual(planned);
  const total = [...planned.temporaries, ...planned.constants].reduce((sum_, bytes) => sum_ + bytes, 0);
  expect(device.held.bytes).toBe(total);
  const [a, b] = [device.allocate(square), device.allocate(square)];
  const before = device.held.bytes;
  program.run([a, b]);
  expect(device.held.bytes - before).toBe(planned.outputs.reduce((sum_, bytes) => sum_ + bytes, 0));
  device.dispose();
});

test('a program that a device cannot hold is planned all the same', async () => {
  const device = new WebGpuDevice(await (await nullGpu().requestAdapter())!.requestDevice(), { owned: true });
  const huge = { shape: [2 ** 20, 2 ** 10], dtype: 'f32' } as const;
  const { outputs } = device.planMemory(trace((x) => [add(x!, 1)], [huge]));
  expect(outputs).toEqual([2 ** 32]);
  device.dispose();
});
