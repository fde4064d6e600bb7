import * as ops from '@tessera/ops';
import type { Op, TensorType } from '@tessera/tensor-core';
import { apply1, trace } from '@tessera/tensor-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebGpuDevice } from './runtime/webgpu-device.ts';
import { gradientCases } from './testing/gradient-cases.test-support.ts';
import { largeCases } from './testing/large-cases.test-support.ts';
import type { LargeCase } from './testing/large-cases.test-support.ts';
import { normCases } from './testing/norm-cases.test-support.ts';
import { nullGpu } from './testing/null-gpu.test-support.ts';
import { observedDevice } from './testing/observed-device.test-support.ts';
import { opCases } from './testing/op-cases.test-support.ts';
import { primitiveCases } from './testing/primitive-cases.test-support.ts';
import { sinkCases } from './testing/sink-cases.test-support.ts';

/** As Chrome shows an H100; the null backend itself has the limits that WebGPU guarantees. */
const largeLimits = {
  maxStorageBuffersPerShaderStage: 16,
  maxComputeWorkgroupStorageSize: 49_152,
  maxComputeInvocationsPerWorkgroup: 1024,
  maxComputeWorkgroupSizeX: 1024,
};
const cases: readonly LargeCase[] = [
  ...primitiveCases,
  ...opCases,
  ...normCases,
  ...sinkCases,
  ...gradientCases,
  ...largeCases,
];
const labels = new Set<string>();

async function open(features: readonly string[], limits?: Readonly<Record<string, number>>): Promise<WebGpuDevice> {
  const adapter = (await nullGpu().requestAdapter())!;
  const device = await adapter.requestDevice({ requiredFeatures: features as GPUFeatureName[] });
  return new WebGpuDevice(observedDevice(device, labels, limits));
}

/** Compiles a graph and, unless told otherwise, runs it once: bind groups and dispatches are checked then. */
async function expectAccepted(device: WebGpuDevice, { inputs, build }: LargeCase, run = true): Promise<void> {
  const program = await device.compile(trace((...x) => build(...x), inputs));
  if (run) {
    const marker = device.upload(Int32Array.of(1), { shape: [1], dtype: 'i32' });
    const given = inputs.map(({ shape, dtype }) => device.allocate({ shape, dtype }));
    const outputs = program.run(given);
    await device.read(marker);
    for (const tensor of [marker, ...given, ...outputs]) tensor.dispose();
  }
  program.dispose();
}

describe.each([
  ['subgroups and f16', ['subgroups', 'shader-f16']],
  ['subgroups', ['subgroups']],
  ['f16', ['shader-f16']],
  ['no features', []],
] as const)('every shader is accepted with %s', (_, features) => {
  describe.each([
    ['guaranteed limits', undefined],
    ['large limits', largeLimits],
  ])('and %s', (_title, limits) => {
    let device: WebGpuDevice;
    beforeAll(async () => void (device = await open(features, limits)));
    afterAll(() => device.dispose());
    test.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) =>
      expectAccepted(device, one, limits === undefined),
    );
  });
});

test('every kernel of the ops package was among them', () => {
  const known = Object.values(ops).filter((value): value is Op => typeof value === 'object' && 'kernels' in value);
  const kernels = known.flatMap(({ id, kernels: list = [] }) =>
    list.flatMap(({ backend, name }) => (backend === 'webgpu' ? [{ id, name }] : [])),
  );
  expect(kernels.length).toBeGreaterThan(3);
  for (const { id, name } of kernels)
    expect(
      [...labels].filter((label) => label.includes(id) && label.includes(name)),
      `${id} (${name})`,
    ).not.toEqual([]);
});

describe('a wrong shader is refused', () => {
  const type: TensorType = { shape: [4], dtype: 'f32' };
  const kernelOf = (source: string): LargeCase => {
    const op: Op = {
      id: '@tessera/kernels-webgpu-test:wrong',
      infer: ([x]) => [x!],
      kernels: [{ backend: 'webgpu', name: 'of this test', source: () => source, grid: () => [1, 1, 1] }],
    };
    return { name: 'wrong', inputs: [type], build: (x) => [apply1(op, [x!], {})] };
  };
  const bindings = `@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;`;
  const right = `${bindings} @compute @workgroup_size(4) fn main(@builtin(local_invocation_index) i: u32) { y[i] = x[i]; }`;

  test.each([
    ['in its syntax', right.replace('y[i] = x[i];', 'y[i] = x[i]'), 'SHADER'],
    ['in its types', right.replace('x[i];', 'u32(x[i]);'), 'SHADER'],
    ['that uses a feature which is not there', `enable f16;\n${right}`, 'SHADER'],
    [
      'that takes more workgroup memory than there is',
      right
        .replace('@compute', 'var<workgroup> w: array<f32, 5000>; @compute')
        .replace('y[i] = x[i];', 'w[i] = 1; y[i] = w[i] + x[i];'),
      'SHADER',
    ],
    [
      'that binds what the op does not have',
      right
        .replace('x[i];', 'x[i] + z[i];')
        .replace('@compute', '@group(0) @binding(2) var<storage, read> z: array<f32>; @compute'),
      'GPU_VALIDATION',
    ],
  ])('%s', async (_, source, code) => {
    const device = await open([]);
    await expectAccepted(device, kernelOf(right));
    await expect(expectAccepted(device, kernelOf(source))).rejects.toMatchObject({
      code,
      message: expect.stringContaining('@tessera/kernels-webgpu-test:wrong (of this test)'),
    });
    device.dispose();
  });

  test('also where a device only pretends to its limits', async () => {
    const device = await open([], largeLimits);
    await expectAccepted(device, kernelOf(right), false);
    await expect(expectAccepted(device, kernelOf(right.replace('x[i];', 'u32(x[i]);')), false)).rejects.toMatchObject({
      code: 'SHADER',
    });
    device.dispose();
  });
});
