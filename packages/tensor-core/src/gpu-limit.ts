import type { GpuCapabilities } from './kernel.ts';

/** A limit of WebGPU that kernels choose by. */
export type GpuLimit =
  | 'maxBufferSize'
  | 'maxStorageBufferBindingSize'
  | 'maxStorageBuffersPerShaderStage'
  | 'maxComputeWorkgroupStorageSize'
  | 'maxComputeInvocationsPerWorkgroup'
  | 'maxComputeWorkgroupSizeX'
  | 'maxComputeWorkgroupsPerDimension';

/** What WebGPU promises of every device. */
const promised: Readonly<Record<GpuLimit, number>> = {
  maxBufferSize: 2 ** 28,
  maxStorageBufferBindingSize: 2 ** 27,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
  maxComputeInvocationsPerWorkgroup: 256,
  maxComputeWorkgroupSizeX: 256,
  maxComputeWorkgroupsPerDimension: 65_535,
};

/**
 * A limit of a device, in bytes or a count. Where the device does not say, it is what WebGPU promises of every one.
 * @see {@link https://www.w3.org/TR/webgpu/#limits | WebGPU, limits}
 */
export function gpuLimit({ limits }: Pick<GpuCapabilities, 'limits'>, limit: GpuLimit): number {
  return limits[limit] ?? promised[limit];
}
