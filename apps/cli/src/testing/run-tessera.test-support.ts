import { Readable, Writable } from 'node:stream';
import type { GpuSource } from '../devices/gpu-source.ts';
import { run } from '../run.ts';

/** What a run of the command gave. */
export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A stream that keeps what it is given. */
export class CollectingStream extends Writable {
  /** What was written so far. */
  text = '';
  readonly isTTY: boolean;
  readonly #onWrite: ((stream: CollectingStream) => void) | undefined;

  constructor({ isTTY = false, onWrite }: { isTTY?: boolean; onWrite?: (stream: CollectingStream) => void } = {}) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
    this.#onWrite = onWrite;
  }

  override _write(chunk: string | Buffer, _: string, done: (error?: Error) => void): void {
    this.text += String(chunk);
    done();
    this.#onWrite?.(this);
  }
}

/** A machine without a GPU, outside of the repository: what tests see unless they hand over something else. */
export const noGpus: GpuSource = {
  survey: () => Promise.resolve({ kind: 'none', detail: 'this is a test' }),
  platform: () => Promise.reject(new Error('There is no adapter, and somebody asked for it.')),
  software: () => undefined,
};

/** Runs `tessera` in this process. */
export async function runTessera(
  argv: readonly string[],
  {
    stdin = '',
    signal,
    stdout = new CollectingStream(),
    stderr = new CollectingStream(),
    gpus = noGpus,
  }: {
    stdin?: string;
    signal?: AbortSignal;
    stdout?: CollectingStream;
    stderr?: CollectingStream;
    gpus?: GpuSource;
  } = {},
): Promise<Outcome> {
  const status = await run(argv, { stdout, stderr, stdin: Readable.from([stdin]), gpus, ...(signal && { signal }) });
  return { status, stdout: stdout.text, stderr: stderr.text };
}
