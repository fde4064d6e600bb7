import { add, expandDims, fromHost, matmul, mul, scan, sum, trace } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
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

test('the turns of a loop take the memory of one of them, and its values share it', async () => {
  const device = new WebGpuDevice(await (await nullGpu().requestAdapter())!.requestDevice(), { owned: true });
  const square = { shape: [128, 128], dtype: 'f32' } as const;
  const bytes = 128 * 128 * 4;
  const chain = (x: Tensor, weight: Tensor): Tensor => {
    let y = x;
    for (let i = 0; i < 12; i++) y = matmul(y, weight);
    return y;
  };
  const total = (build: (x: Tensor, weight: Tensor) => Tensor): number =>
    device
      .planMemory(
        trace((x, weight) => [build(x!, weight!)], [square, square]),
        {},
      )
      .temporaries.reduce((sum_, each) => sum_ + each, 0);
  const once = total(chain);
  expect(once).toBe(2 * bytes);
  const looped = total((x, weight) => {
    const { carry } = scan({
      carry: { sum: x },
      sequences: { part: expandDims(x, 0) },
      step: ({ sum: before }, { part }) => ({ carry: { sum: add(before, chain(part, weight)) }, output: {} }),
    });
    return carry.sum;
  });
  // Beside what a turn computes: the carry, the next one, the part of the turn, and the clock.
  expect(looped).toBeLessThanOrEqual(once + 3 * bytes + 1024);
  device.dispose();
});
