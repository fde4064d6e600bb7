import type { Device } from '@tessera/tensor-core';
import { CpuDevice, FeatureUnavailableError, UnsupportedOptionError } from '@tessera/tensor-core';

/** Where a model runs: by name, or a device that somebody made. */
export type DeviceOption = 'auto' | 'cpu' | 'webgpu' | Device;

/** Makes devices that are not built in. An app hands it over; no family imports it. */
export interface Backends {
  /** A WebGPU device, or undefined when there is no adapter. */
  readonly webgpu?: (() => Promise<Device | undefined>) | undefined;
}

/** A device, and whether the model disposes of it. */
export interface ChosenDevice {
  readonly device: Device;
  readonly owned: boolean;
}

/** Makes or takes the device of an option. */
export type ChooseDevice = (option: DeviceOption) => Promise<ChosenDevice>;

/**
 * The device of an option. `auto`: WebGPU where a backend offers it, else the CPU.
 * @throws {@link UnsupportedOptionError} for a name that is not known
 * @throws {@link FeatureUnavailableError} when WebGPU is asked for and not there
 */
export async function chooseDevice(option: DeviceOption, backends: Backends): Promise<ChosenDevice> {
  if (typeof option === 'object' && option !== null && typeof option.compile === 'function')
    return { device: option, owned: false };
  if (option === 'cpu') return { device: new CpuDevice(), owned: true };
  if (option === 'auto') return { device: (await backends.webgpu?.()) ?? new CpuDevice(), owned: true };
  if (option === 'webgpu') {
    const device = await backends.webgpu?.();
    if (device) return { device, owned: true };
    throw new FeatureUnavailableError(
      backends.webgpu
        ? `device is 'webgpu', and there is no WebGPU adapter here. Use 'cpu' or 'auto'.`
        : `device is 'webgpu', and no WebGPU backend was handed to createAssembler({ backends }). Use 'cpu' or 'auto'.`,
      { facts: { option: 'device', value: 'webgpu' } },
    );
  }
  throw new UnsupportedOptionError(
    `device is ${JSON.stringify(option)}, expected 'auto', 'cpu', 'webgpu' or a device.`,
    { facts: { option: 'device', value: option } },
  );
}
