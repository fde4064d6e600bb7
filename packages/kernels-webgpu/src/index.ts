export { WebGpuDevice } from './runtime/webgpu-device.ts';
export type { WebGpuDeviceOptions } from './runtime/webgpu-device.ts';
export type { DeviceCounters, HeldMemory } from './runtime/counters.ts';
export type { WebGpuProgram } from './runtime/program.ts';
export type { DispatchTime, Profile } from './runtime/profile.ts';
export { requestWebGpu } from './runtime/request-device.ts';
export type { RequestWebGpuOptions, WebGpuLimit } from './runtime/request-device.ts';
