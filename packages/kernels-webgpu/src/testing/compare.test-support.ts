import { softwareGpu } from '@tessera/software-gpu';
import type { Tensor } from '@tessera/tensor-core';
import { CpuDevice, fromHost, sizeOf, trace } from '@tessera/tensor-core';
import { expect } from 'vitest';
import { requestWebGpu } from '../runtime/request-device.ts';
import type { WebGpuDevice } from '../runtime/webgpu-device.ts';

let device: Promise<WebGpuDevice> | undefined;

/** The device of these tests: the software adapter. A failure to get one fails the test. */
export function testDevice(): Promise<WebGpuDevice> {
  device ??= softwareGpu().then(async (gpu) => {
    const made = await requestWebGpu({ gpu });
    if (!made) throw new Error('The software adapter is not there.');
    return made;
  });
  return device;
}

/** Numbers in (−1, 1), the same at every run. */
export function draws(shape: readonly number[], seed = 1): Tensor {
  let state = seed * 7919 + 17;
  const values = Float32Array.from({ length: sizeOf(shape) }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 1_073_741_824 - 1;
  });
  return fromHost(values, shape);
}

/** Runs a graph on the CPU and on a GPU, there twice with one program, and compares every output. */
export async function expectSame(
  build: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  tolerance = 1e-5,
  given?: WebGpuDevice,
): Promise<void> {
  const gpu = given ?? (await testDevice());
  const graph = trace((...x) => build(...x), inputs);
  const cpu = new CpuDevice({ simd: false });
  const expected = (await cpu.compile(graph)).run(inputs);
  const program = await gpu.compile(graph);
  for (const output of program.run(inputs)) output.dispose();
  const outputs = program.run(inputs);
  for (const [index, output] of outputs.entries()) {
    const want = await cpu.read(expected[index]!);
    const got = await gpu.read(output);
    output.dispose();
    expect(got.length).toBe(want.length);
    let largest = 1;
    for (const value of want) largest = Math.max(largest, Math.abs(value));
    want.forEach((value, at) => {
      if (!(Math.abs(value - got[at]!) <= tolerance * largest))
        expect({ output: index, at, value: got[at] }).toEqual({ output: index, at, value });
    });
  }
  program.dispose();
}
