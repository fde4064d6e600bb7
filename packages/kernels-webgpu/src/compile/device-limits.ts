import type { GpuCapabilities } from '@tessera/tensor-core';

/** Buffers that a dispatch binds at most; WebGPU promises 8. */
export function mostBuffers({ limits }: GpuCapabilities): number {
  return limits['maxStorageBuffersPerShaderStage'] ?? 8;
}

/** Bytes of workgroup memory that a dispatch takes at most; WebGPU promises 16 KiB. */
export function mostShared({ limits }: GpuCapabilities): number {
  return limits['maxComputeWorkgroupStorageSize'] ?? 16_384;
}
