export { WebGpuDevice } from './runtime/webgpu-device.ts';
export type { WebGpuDeviceOptions } from './runtime/webgpu-device.ts';
