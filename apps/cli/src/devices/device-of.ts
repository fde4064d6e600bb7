import type { Device } from '@tessera/tensor-core';
import type { GpuOptions } from './gpu-options.ts';
import { refuseGpuOptions } from './gpu-options.ts';
import type { GpuTerminal } from './open-webgpu.ts';
import { findHardware, requireWebGpu } from './open-webgpu.ts';

/** Which device a command computes on. */
export interface DeviceOptions extends GpuOptions {
  /** By name, or one that several models share. */
  readonly device?: string | Device;
}

/**
 * The WebGPU device of a name: `auto` gives one where there is a GPU, `webgpu` one in any case. Undefined for all else, which
 * the assembler knows.
 * @throws {@link FeatureUnavailableError} when `webgpu` is asked for and not there
 * @throws {@link UnsupportedOptionError} for a feature that is not known, and for any when the device is `cpu`
 */
export async function webgpuOf(options: DeviceOptions, terminal: GpuTerminal): Promise<Device | undefined> {
  if (options.device === 'webgpu') return requireWebGpu(options, terminal);
  if (options.device === 'auto') return findHardware(options, terminal);
  if (options.device === 'cpu') refuseGpuOptions(options);
  return undefined;
}
