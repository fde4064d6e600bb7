import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { DeviceWish } from '../protocol.ts';

/** Where the model will run, and why it is not the GPU. */
export interface DeviceChoice {
  readonly device: 'webgpu' | 'cpu';
  readonly notice: string | undefined;
}

const wishes: readonly string[] = ['auto', 'webgpu', 'cpu'] satisfies DeviceWish[];

/**
 * Decides between GPU and CPU. Whenever it is the CPU, a sentence says why: nothing falls back in silence.
 * @param wish - what `?device=` of the address says
 * @throws {@link UnsupportedOptionError} for a wish that does not exist
 */
export async function chooseDevice(wish: string): Promise<DeviceChoice> {
  if (!wishes.includes(wish))
    throw new UnsupportedOptionError(`The address asks for device=${wish}; it can be ${wishes.join(', ')}.`);
  if (wish === 'cpu') return onCpu('the address asks for it.');
  const { gpu } = navigator as { gpu?: GPU };
  if (!gpu)
    return onCpu(
      isSecureContext
        ? 'this browser has no WebGPU.'
        : 'browsers offer WebGPU to pages from https:// and from localhost only.',
    );
  const adapter = await gpu.requestAdapter();
  if (!adapter) return onCpu('this browser finds no GPU that WebGPU can use.');
  if (adapter.info.isFallbackAdapter && wish === 'auto')
    return onCpu('the only adapter imitates one in software, which is slower still. ?device=webgpu takes it anyway.');
  return { device: 'webgpu', notice: undefined };
}

function onCpu(reason: string): DeviceChoice {
  return { device: 'cpu', notice: `The model runs on the processor, more slowly than on a GPU: ${reason}` };
}
