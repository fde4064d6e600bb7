import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import type { GpuCapabilities, Op } from '@tessera/tensor-core';
import { apply1, trace } from '@tessera/tensor-core';

/** Names under which software adapters go. */
const software = /swiftshader|llvmpipe|lavapipe|softpipe|basic render|warp/i;

/** True for an adapter that computes on the CPU. */
export function isSoftware(...names: readonly unknown[]): boolean {
  return names.some((name) => typeof name === 'string' && software.test(name));
}

/** A device, what it was given, and what its adapter says of itself. */
export interface BenchDevice {
  readonly device: WebGpuDevice;
  readonly info: GPUAdapterInfo;
  readonly features: ReadonlySet<string>;
  readonly limits: Readonly<Record<string, number>>;
}

/**
 * The device that a benchmark runs on.
 * @throws Error when there is no adapter, or only one in software and this is no dry run
 */
export async function openDevice(gpu: GPU, { dry }: { readonly dry: boolean }): Promise<BenchDevice> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  const device = adapter && (await requestWebGpu({ gpu }));
  if (!device) throw new Error('bench: there is no WebGPU adapter here.');
  const { info } = adapter;
  if (!dry && isSoftware(device.name, info.vendor, info.architecture, info.device, info.description)) {
    device.dispose();
    throw new Error(
      `bench: ${device.name} is a software adapter, whose times say nothing. Run this on a GPU, or with --dry.`,
    );
  }
  return { device, info, ...(await capabilitiesOf(device)) };
}

/** What kernels are told of a device. */
async function capabilitiesOf(device: WebGpuDevice): Promise<GpuCapabilities> {
  let seen: GpuCapabilities = { features: new Set(), limits: {} };
  const probe: Op = {
    id: '@tessera/lab:capabilities',
    infer: ([x]) => [x!],
    definition: ([x]) => [x!],
    kernels: [
      {
        backend: 'webgpu',
        name: 'never',
        when(capabilities) {
          seen = capabilities;
          return false;
        },
        source: () => '',
        grid: () => [1, 1, 1],
      },
    ],
  };
  const program = await device.compile(trace((x) => [apply1(probe, [x!], {})], [{ shape: [1], dtype: 'f32' }]));
  program.dispose();
  return seen;
}
