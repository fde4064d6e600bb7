export { WebGpuDevice } from './runtime/webgpu-device.ts';
export type { WebGpuDeviceOptions } from './runtime/webgpu-device.ts';
export { requestWebGpu } from './runtime/request-device.ts';
export type { RequestWebGpuOptions } from './runtime/request-device.ts';
