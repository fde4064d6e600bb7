import type { Readable, Writable } from 'node:stream';
import type { GpuSource } from '../devices/gpu-source.ts';

/** Where a command reads and writes, what ends it early, and where it gets WebGPU from. */
export interface Terminal {
  /** Results only. */
  readonly stdout: Writable;
  /** Notices, progress, errors. */
  readonly stderr: Writable;
  readonly stdin: Readable;
  /** Aborted by Ctrl-C, or when nobody reads the results any more. */
  readonly signal: AbortSignal;
  /** @defaultValue what the platform offers */
  readonly gpus?: GpuSource;
}

/** True when a person sees the stream, not a file or another program. */
export function isInteractive(stream: Readable | Writable): boolean {
  return (stream as { isTTY?: boolean }).isTTY === true;
}
