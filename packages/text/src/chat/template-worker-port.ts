import type * as WorkerThreads from 'node:worker_threads';
import { FeatureUnavailableError } from '@tessera/tensor-core';

/** A worker of either platform, as far as it is needed here. */
export interface WorkerPort {
  post(message: unknown): void;
  /** Sets who hears of messages and of the end of the worker; the former listener is forgotten. */
  listen(listener: { message(data: unknown): void; failed(error: unknown): void }): void;
  /** Whether the worker keeps a Node process from ending. */
  hold(held: boolean): void;
  terminate(): void;
}

// Named apart from the URL, since bundlers would copy the file as an asset.
const workerFile = './template-worker.js';

function nodePort(threads: typeof WorkerThreads): WorkerPort {
  const worker = new threads.Worker(new URL(workerFile, import.meta.url), {
    env: {},
    // Loaders of the parent (for TypeScript and the like) are not needed and cost start-up time.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 },
  });
  return {
    post: (message) => worker.postMessage(message),
    listen({ message, failed }) {
      worker.removeAllListeners();
      worker.on('message', message);
      worker.on('error', failed);
      worker.on('exit', (code) => failed(new Error(`the worker ended with code ${code}`)));
    },
    hold: (held) => (held ? worker.ref() : worker.unref()),
    terminate() {
      worker.removeAllListeners();
      // An error that is on its way must not become an uncaught one.
      worker.on('error', () => {});
      void worker.terminate();
    },
  };
}

function webPort(): WorkerPort {
  // Bundlers know exactly this form.
  const worker = new Worker(new URL('./template-worker.js', import.meta.url), { type: 'module' });
  return {
    post: (message) => worker.postMessage(message),
    listen({ message, failed }) {
      worker.onmessage = ({ data }) => message(data);
      worker.onerror = (event) => failed(new Error(event.message || 'the worker could not be loaded'));
    },
    hold() {},
    terminate: () => worker.terminate(),
  };
}

/** Starts the worker: a thread in Node, a Web Worker elsewhere. */
export function openWorkerPort(): WorkerPort {
  const threads = globalThis.process?.getBuiltinModule?.('node:worker_threads');
  try {
    if (threads !== undefined) return nodePort(threads);
    if (typeof Worker === 'function') return webPort();
  } catch (cause) {
    throw new FeatureUnavailableError(
      `Chat templates are rendered in a worker, which could not be started (${(cause as Error).message}).`,
      { cause },
    );
  }
  throw new FeatureUnavailableError('Chat templates are rendered in a worker, and this platform has none.');
}
