import { totalmem } from 'node:os';
import { createAssembler } from '@tessera/assembler';
import type {
  Assembler,
  Backends,
  DeviceOption,
  LoadOptions,
  Model,
  ProgressEvent,
  WeightDtype,
} from '@tessera/assembler';
import { webgpuOf } from './devices/device-of.ts';
import { mergeAdapter } from './merge-adapter.ts';
import type { ModelOptions } from './options/model-options.ts';
import { plugins } from './plugins.ts';
import { showBytes, showSeconds } from './terminal/numbers.ts';
import { StatusLine } from './terminal/status-line.ts';
import type { Terminal } from './terminal/terminal.ts';
import { isInteractive } from './terminal/terminal.ts';

/** Part of the machine's memory that a model may take on the CPU. A GPU does not tell how much memory it has. */
const memoryShare = 0.9;

/** The assembler of this command, with all its plugins. */
export function cliAssembler(backends?: Backends): Assembler {
  return createAssembler({ plugins, ...(backends && { backends }) });
}

/**
 * Loads a model, with a bar for a person who waits. Names of devices and dtypes are checked by the assembler.
 * @param label - what stands before a notice
 */
export async function loadModel(
  source: string,
  options: ModelOptions & Pick<LoadOptions, 'precompile' | 'cachePolicy'>,
  terminal: Terminal,
  label = 'note',
): Promise<Model> {
  const status = new StatusLine(terminal.stderr);
  const bar = isInteractive(terminal.stderr);
  const { device = 'auto' } = options;
  const webgpu = await webgpuOf({ ...options, device }, terminal);
  const onHost = !webgpu && (typeof device === 'string' || device.kind === 'cpu');
  try {
    const model = await cliAssembler({ webgpu: () => Promise.resolve(webgpu) }).load(source, {
      device: device as DeviceOption,
      dtype: (options.dtype ?? 'auto') as WeightDtype,
      ...(onHost && { memoryLimit: memoryShare * totalmem() }),
      signal: terminal.signal,
      precompile: options.precompile,
      cachePolicy: options.cachePolicy,
      ...(options.contextLength !== undefined && { contextLength: options.contextLength }),
      ...(bar && {
        onProgress: (event) => {
          if (event.type === 'total' || event.type === 'ready') status.update(() => loadingBar(event));
        },
      }),
      onWarning: (warning) => {
        status.clear();
        terminal.stderr.write(`${label}: ${warning}\n`);
      },
    });
    if (options.adapter !== undefined) await mergeAdapter(model, options.adapter, terminal.signal);
    return model;
  } catch (error) {
    // The assembler may not have come to taking it over.
    webgpu?.dispose();
    throw error;
  } finally {
    status.clear();
  }
}

function loadingBar({ ratio, loaded, total, etaMs }: ProgressEvent): string {
  const filled = Math.round(20 * ratio);
  const left = etaMs === undefined ? '' : `, ${showSeconds(etaMs / 1000)} left`;
  return `loading [${'='.repeat(filled)}${' '.repeat(20 - filled)}] ${showBytes(loaded)} of ${showBytes(total)}${left}`;
}
