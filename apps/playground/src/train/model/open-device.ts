import { requestWebGpu } from '@tessera/kernels-webgpu';
import { CpuDevice, FeatureUnavailableError } from '@tessera/tensor-core';
import type { Device } from '@tessera/tensor-core';
import { chooseDevice } from '../../model/choose-device.ts';

/** The device on which everything here happens, and why it is not the GPU. */
export async function openDevice(wish: string): Promise<{ readonly device: Device; readonly notice?: string }> {
  const { device: kind, notice } = await chooseDevice(wish);
  // The policy of this page forbids WebAssembly: the processor multiplies without it, and does not try.
  if (kind === 'cpu') return { device: new CpuDevice({ simd: false }), ...(notice !== undefined && { notice }) };
  const device = await requestWebGpu();
  if (device) return { device };
  throw new FeatureUnavailableError('The browser found an adapter for WebGPU and then none. Open the page again.');
}
