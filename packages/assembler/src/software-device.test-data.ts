import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { softwareGpu } from '@tessera/software-gpu';

/** A WebGPU device in software. A failure to get one fails the test. */
export async function softwareDevice(): Promise<WebGpuDevice> {
  const device = await requestWebGpu({ gpu: await softwareGpu() });
  if (!device) throw new Error('The software adapter is not there.');
  return device;
}
