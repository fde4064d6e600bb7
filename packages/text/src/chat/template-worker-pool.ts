import { FeatureUnavailableError } from '@tessera/tensor-core';
import { openWorkerPort } from './template-worker-port.ts';
import type { WorkerPort } from './template-worker-port.ts';

/** How long a worker is kept for the next conversation; starting one takes tens of milliseconds. */
const keepMs = 30_000;
/** How long a worker may take to start, on a busy machine. */
const startMs = 30_000;

let idle: { readonly port: WorkerPort; readonly timer: ReturnType<typeof setTimeout> } | undefined;

function takeIdle(): WorkerPort | undefined {
  if (idle === undefined) return undefined;
  const { port, timer } = idle;
  clearTimeout(timer);
  idle = undefined;
  port.hold(true);
  return port;
}

function keepIdle(port: WorkerPort): void {
  if (idle !== undefined) {
    port.terminate();
    return;
  }
  const drop = (): void => {
    if (idle?.port === port) idle = undefined;
    clearTimeout(timer);
    port.terminate();
  };
  const timer = setTimeout(drop, keepMs);
  (timer as { unref?: () => void }).unref?.(); // a number in browsers
  port.listen({ message() {}, failed: drop });
  port.hold(false);
  idle = { port, timer };
}

/** Waits for one message; rejects when the worker ends, the time is up or the signal aborts. */
function nextMessage(
  port: WorkerPort,
  timeoutMs: number,
  onTimeout: () => Error,
  onFailed: (cause: unknown) => Error,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      finish();
    };
    const abort = (): void => settle(() => reject(signal?.reason));
    const timer = setTimeout(() => settle(() => reject(onTimeout())), timeoutMs);
    signal?.addEventListener('abort', abort);
    port.listen({
      message: (data) => settle(() => resolve(data)),
      failed: (cause) => settle(() => reject(onFailed(cause))),
    });
  });
}

/** What one exchange with a worker needs. */
export interface Exchange {
  readonly message: unknown;
  /** Counted from when the worker runs. */
  readonly timeoutMs: number;
  readonly onTimeout: () => Error;
  readonly onFailed: (cause: unknown) => Error;
  readonly signal: AbortSignal | undefined;
}

/** Posts a message to a worker and returns its answer. A worker that fails in any way is ended, and the next exchange starts another. */
export async function exchange({ message, timeoutMs, onTimeout, onFailed, signal }: Exchange): Promise<unknown> {
  signal?.throwIfAborted();
  let port = takeIdle();
  const fresh = port === undefined;
  port ??= openWorkerPort();
  try {
    if (fresh) {
      const unavailable = (cause?: unknown): Error =>
        new FeatureUnavailableError(
          `The worker for chat templates did not start${cause instanceof Error ? ` (${cause.message})` : ` within ${startMs} ms`}.`,
          { cause },
        );
      await nextMessage(port, startMs, () => unavailable(), unavailable, signal);
    }
    const answer = nextMessage(port, timeoutMs, onTimeout, onFailed, signal);
    port.post(message);
    const result = await answer;
    keepIdle(port);
    return result;
  } catch (error) {
    port.terminate();
    throw error;
  }
}
