import { WebGpuDevice } from './webgpu-device.ts';

/** How a device is asked for. */
export interface RequestWebGpuOptions {
  /** The entry to WebGPU. @defaultValue `navigator.gpu` */
  readonly gpu?: GPU;
  readonly powerPreference?: 'low-power' | 'high-performance';
  /** Features to leave aside even where the adapter has them, for example `subgroups`. */
  readonly without?: readonly string[];
}

/** Features that shaders are written for. */
const wanted = ['shader-f16', 'subgroups', 'timestamp-query'] as const;

/** Limits that default to less than adapters have. */
const raised = [
  'maxStorageBuffersPerShaderStage',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** A device on the adapter that the platform offers, with the features and limits that it has; undefined when there is none. */
export async function requestWebGpu({
  gpu,
  powerPreference = 'high-performance',
  without = [],
}: RequestWebGpuOptions = {}): Promise<WebGpuDevice | undefined> {
  const entry = gpu ?? (globalThis.navigator as Navigator | undefined)?.gpu;
  const adapter = await entry?.requestAdapter({ powerPreference });
  if (!adapter) return undefined;
  const device = await adapter.requestDevice({
    requiredFeatures: wanted.filter(
      (feature) => adapter.features.has(feature) && !without.includes(feature),
    ) as GPUFeatureName[],
    requiredLimits: Object.fromEntries(raised.map((limit) => [limit, adapter.limits[limit]])),
  });
  return new WebGpuDevice(device, { owned: true });
}
