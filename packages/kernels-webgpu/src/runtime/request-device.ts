import type { GpuLimit } from '@tessera/tensor-core';
import { FeatureUnavailableError, UnsupportedOptionError } from '@tessera/tensor-core';
import { WebGpuDevice } from './webgpu-device.ts';

/** Limits that are raised to what the adapter has, since they default to less. */
export type WebGpuLimit = Exclude<GpuLimit, 'maxComputeWorkgroupsPerDimension'>;

/** How a device is asked for. */
export interface RequestWebGpuOptions {
  /** The entry to WebGPU: in Node that of npm `webgpu`. @defaultValue `navigator.gpu` */
  readonly gpu?: GPU;
  /** Which adapter, where there are several. @defaultValue 'high-performance' */
  readonly powerPreference?: 'low-power' | 'high-performance';
  /**
   * Features to leave aside even where the adapter has them, so that the shaders that do without them run: `shader-f16`,
   * `subgroups`, `timestamp-query`. @defaultValue none
   */
  readonly without?: readonly string[];
  /**
   * `adapter`: everything that the adapter has. `default`: what WebGPU guarantees, 8 storage buffers, 16 KiB of workgroup
   * memory, 256 invocations, 128 MiB in a binding. Or single limits; the others are the adapter's. A limit is never below
   * the guaranteed one. @defaultValue 'adapter'
   */
  readonly limits?: 'adapter' | 'default' | Readonly<Partial<Record<WebGpuLimit, number>>>;
}

/** Features that shaders are written for. Each has shaders that do without. */
const features = ['shader-f16', 'subgroups', 'timestamp-query'] as const;
const raised: readonly WebGpuLimit[] = [
  'maxStorageBuffersPerShaderStage',
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
];

/**
 * A device on the adapter that the platform offers, with the features and limits that it has; undefined when there is none.
 * @throws UnsupportedOptionError for a feature or limit that is not among those named here
 * @throws FeatureUnavailableError for a limit that the adapter does not reach
 */
export async function requestWebGpu({
  gpu,
  powerPreference = 'high-performance',
  without = [],
  limits = 'adapter',
}: RequestWebGpuOptions = {}): Promise<WebGpuDevice | undefined> {
  const asked = typeof limits === 'string' ? {} : limits;
  checkNames('without', without, features);
  checkNames('limits', Object.keys(asked), raised);
  const entry = gpu ?? (globalThis.navigator as Navigator | undefined)?.gpu;
  const adapter = await entry?.requestAdapter({ powerPreference });
  if (!adapter) return undefined;
  for (const name of raised)
    if ((asked[name] ?? 0) > adapter.limits[name])
      throw new FeatureUnavailableError(
        `requestWebGpu: ${name} of ${asked[name]} was asked for, and the adapter has ${adapter.limits[name]}. Ask for no more.`,
        { facts: { limit: name, asked: asked[name], adapter: adapter.limits[name] } },
      );
  const device = await adapter.requestDevice({
    requiredFeatures: features.filter((feature) => adapter.features.has(feature) && !without.includes(feature)),
    requiredLimits:
      limits === 'default' ? {} : Object.fromEntries(raised.map((name) => [name, asked[name] ?? adapter.limits[name]])),
  });
  return new WebGpuDevice(device, { owned: true });
}

function checkNames(option: string, names: readonly string[], known: readonly string[]): void {
  for (const name of names)
    if (!known.includes(name))
      throw new UnsupportedOptionError(
        `requestWebGpu: ${option} names ${JSON.stringify(name)}, which is none of ${known.join(', ')}.`,
        { facts: { option, name } },
      );
}
