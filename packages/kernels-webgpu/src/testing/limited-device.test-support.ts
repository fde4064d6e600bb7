import { softwareGpu } from '@tessera/software-gpu';
import { WebGpuDevice } from '../runtime/webgpu-device.ts';

/** The software adapter as a device that says of itself that it can do less than WebGPU guarantees, so that small calls meet its limits. */
export async function limitedDevice(limits: Readonly<Record<string, number>>): Promise<WebGpuDevice> {
  const device = await (await (await softwareGpu()).requestAdapter())!.requestDevice();
  const pretended: Record<string, number> = {};
  for (const name in device.limits)
    pretended[name] = limits[name] ?? (device.limits as unknown as Record<string, number>)[name]!;
  const limited = new Proxy(device, {
    get(target, key) {
      if (key === 'limits') return pretended;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return new WebGpuDevice(limited, { owned: true });
}
