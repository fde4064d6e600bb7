import { softwareGpu } from '@tessera/software-gpu';
import type { Op, Tensor } from '@tessera/tensor-core';
import { FeatureUnavailableError, UnsupportedOptionError, apply1, trace } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { requestWebGpu } from './runtime/request-device.ts';
import type { RequestWebGpuOptions } from './runtime/request-device.ts';
import { nullGpu } from './testing/null-gpu.test-support.ts';

/** What a kernel is told of a device that is asked for so. */
async function capabilities(
  options: RequestWebGpuOptions,
): Promise<{ features: string[]; limits: Record<string, number> }> {
  const device = (await requestWebGpu(options))!;
  let seen: { features: string[]; limits: Record<string, number> } | undefined;
  const probe: Op = {
    id: '@tessera/kernels-webgpu-test:probe',
    infer: ([x]) => [x!],
    definition: ([x]) => [x!],
    kernels: [
      {
        backend: 'webgpu',
        name: 'never',
        when({ features, limits }) {
          seen = { features: [...features], limits: { ...limits } };
          return false;
        },
        source: () => '',
        grid: () => [1, 1, 1],
      },
    ],
  };
  const program = await device.compile(
    trace((x) => [apply1(probe, [x as Tensor], {})], [{ shape: [2], dtype: 'f32' }]),
  );
  program.dispose();
  device.dispose();
  return seen!;
}

test('every feature that shaders are written for is taken, and can be left aside', async () => {
  const gpu = nullGpu();
  expect((await capabilities({ gpu })).features).toEqual(
    expect.arrayContaining(['shader-f16', 'subgroups', 'timestamp-query']),
  );
  for (const name of ['shader-f16', 'subgroups', 'timestamp-query'] as const)
    expect((await capabilities({ gpu, without: [name] })).features).not.toContain(name);
});

test('limits are the adapter’s, the guaranteed ones, or single ones', async () => {
  const gpu = await softwareGpu();
  const adapter = (await gpu.requestAdapter())!;
  expect((await capabilities({ gpu })).limits).toMatchObject({
    maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage,
    maxComputeWorkgroupStorageSize: adapter.limits.maxComputeWorkgroupStorageSize,
  });
  expect(adapter.limits.maxComputeWorkgroupStorageSize).toBeGreaterThan(16_384);
  expect((await capabilities({ gpu, limits: 'default' })).limits).toMatchObject({
    maxStorageBuffersPerShaderStage: 8,
    maxComputeWorkgroupStorageSize: 16_384,
    maxComputeInvocationsPerWorkgroup: 256,
    maxStorageBufferBindingSize: 2 ** 27,
    maxBufferSize: 2 ** 28,
  });
  expect((await capabilities({ gpu, limits: { maxComputeWorkgroupStorageSize: 20_000 } })).limits).toMatchObject({
    maxComputeWorkgroupStorageSize: 20_000,
    maxStorageBuffersPerShaderStage: adapter.limits.maxStorageBuffersPerShaderStage,
  });
});

test('what no adapter knows, and what this one does not have, is refused', async () => {
  const gpu = nullGpu();
  await expect(requestWebGpu({ gpu, without: ['subgroup'] })).rejects.toThrow(UnsupportedOptionError);
  await expect(requestWebGpu({ gpu, limits: { maxBufferSizes: 1 } as never })).rejects.toThrow(
    /"maxBufferSizes", which is none of/,
  );
  await expect(requestWebGpu({ gpu, limits: { maxBufferSize: 2 ** 50 } })).rejects.toThrow(FeatureUnavailableError);
});

test('without an adapter there is no device', async () => {
  expect(await requestWebGpu({ gpu: { requestAdapter: async () => null } as unknown as GPU })).toBeUndefined();
});
