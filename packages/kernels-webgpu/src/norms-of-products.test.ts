import { softwareGpu } from '@tessera/software-gpu';
import { trace } from '@tessera/tensor-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { requestWebGpu } from './runtime/request-device.ts';
import type { WebGpuDevice } from './runtime/webgpu-device.ts';
import { expectSame } from './testing/compare.test-support.ts';
import { normCases } from './testing/norm-cases.test-support.ts';

describe.each([
  ['with subgroups', []],
  ['without subgroups', ['subgroups']],
])('products of few rows compute the norm of those, %s', (_, without) => {
  let device: WebGpuDevice;
  beforeAll(async () => void (device = (await requestWebGpu({ gpu: await softwareGpu(), without }))!));
  afterAll(() => device.dispose());

  test.each(normCases.map((one) => [one.name, one] as const))('%s', async (_name, one) => {
    const { build, inputs, tolerance, dispatches } = one;
    await expectSame(build, inputs, tolerance, device);
    const program = await device.compile(trace((...x) => build(...x), inputs));
    expect(program.dispatches).toBe(dispatches);
    program.dispose();
  });
});
