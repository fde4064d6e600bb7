import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

/** Where and with what a run was made. */
export interface Environment {
  readonly device: string;
  /** What the adapter says of itself. */
  readonly adapter: Readonly<Record<string, unknown>>;
  /** What the device was given. */
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** `page`: what a web page sees. `native`: with toggles that a page cannot set. `software`: no GPU at all. */
  readonly mode: 'page' | 'native' | 'software';
  /** Of Dawn. */
  readonly toggles: { readonly on: readonly string[]; readonly off: readonly string[] };
  readonly node: string;
  /** Version of npm's package webgpu. */
  readonly webgpu: string;
  readonly platform: string;
  readonly commit: string | undefined;
  readonly date: string;
  /** Driver, clocks, temperature and power before and after, where the driver's tool is there. */
  readonly gpuBefore: string | undefined;
  readonly gpuAfter: string | undefined;
}

/** Versions of what a run stands on. */
export function versions(): Pick<Environment, 'node' | 'webgpu' | 'platform' | 'date'> {
  const { version } = createRequire(import.meta.url)('webgpu/package.json') as { version: string };
  return {
    node: process.version,
    webgpu: version,
    platform: `${process.platform} ${process.arch}`,
    date: new Date().toISOString(),
  };
}

/** State of an NVIDIA GPU in words. */
export function gpuState(): string | undefined {
  const fields = ['name', 'driver_version', 'clocks.sm', 'clocks.mem', 'temperature.gpu', 'power.draw'];
  try {
    return execFileSync('nvidia-smi', [`--query-gpu=${fields.join()}`, '--format=csv,noheader'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return undefined; // There is no such tool for other GPUs.
  }
}

/** Plain fields of an object whose fields are getters of its class, as those of WebGPU are. */
export function plain(of: object): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const key in of) {
    const value = (of as Record<string, unknown>)[key];
    if (['string', 'number', 'boolean'].includes(typeof value)) fields[key] = value;
  }
  return fields;
}
