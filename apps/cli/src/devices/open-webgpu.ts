import type { WebGpuDevice } from '@tessera/kernels-webgpu';
import { FeatureUnavailableError } from '@tessera/tensor-core';
import type { Terminal } from '../terminal/terminal.ts';
import type { GpuOptions } from './gpu-options.ts';
import { togglesOf } from './gpu-options.ts';
import { dawn } from './gpu-source.ts';

/** What opening needs of the terminal. */
export type GpuTerminal = Pick<Terminal, 'stderr' | 'signal' | 'gpus'>;

/** A device on a GPU; undefined when there is none. An adapter in software does not count: it is slower than the CPU. */
export async function findHardware(
  options: GpuOptions,
  { gpus = dawn }: GpuTerminal,
): Promise<WebGpuDevice | undefined> {
  const { kind } = await gpus.survey();
  return kind === 'hardware' ? request(await gpus.platform(togglesOf(options)), options) : undefined;
}

/**
 * A device on a GPU, else on an adapter in software, of which it then tells.
 * @throws {@link FeatureUnavailableError} when there is neither
 */
export async function requireWebGpu(options: GpuOptions, terminal: GpuTerminal): Promise<WebGpuDevice> {
  const hardware = await findHardware(options, terminal);
  if (hardware) return hardware;
  const { gpus = dawn, signal } = terminal;
  const { kind, detail } = await gpus.survey();
  const entry = await (gpus.software(togglesOf(options)) ??
    (kind === 'software' ? gpus.platform(togglesOf(options)) : undefined));
  const device = entry && (await request(entry, options));
  signal.throwIfAborted();
  if (!device)
    throw new FeatureUnavailableError(
      `device is 'webgpu', and there is no WebGPU adapter here: ${detail}. Install the driver of the GPU and npm's package webgpu, or use --device cpu.`,
      { facts: { option: 'device', value: 'webgpu', detail } },
    );
  terminal.stderr.write(
    `note: there is no GPU here (${detail}); WebGPU runs on a software adapter, ${device.name}, right but slow.\n`,
  );
  return device;
}

async function request(gpu: GPU, { without = [] }: GpuOptions): Promise<WebGpuDevice | undefined> {
  // Loaded only for those who have a GPU or ask for one.
  const { requestWebGpu } = await import('@tessera/kernels-webgpu');
  return requestWebGpu({ gpu, without });
}
