import { checkCount } from './counted-source.ts';
import type { TokenBatch, TokenSource } from './token-source.ts';

/** Options of {@link prefetch}. */
export interface PrefetchOptions {
  /**
   * Batches that are held ready at most.
   * @defaultValue 2
   */
  readonly batches?: number;
}

function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal | undefined): Promise<Value> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}

/**
 * Prepares the next batches of a source while the device works on the last one. Positions are those of the batches handed out, not of those prepared. The
 * source belongs to the result: nobody else may ask it for batches.
 */
export function prefetch(source: TokenSource, { batches = 2 }: PrefetchOptions = {}): TokenSource {
  checkCount(batches, 'batches');
  let position = source.position();
  let ready: Promise<TokenBatch | undefined>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let run = 0; // a seek begins a new one; what the old one prepares is thrown away

  const prepare = (at: number): Promise<TokenBatch | undefined> => {
    const mine = run;
    const batch = last.then(async () => {
      await new Promise((resolve) => setTimeout(resolve)); // the caller's own work comes first
      if (mine !== run) return undefined;
      source.seek(Math.min(at, source.batches));
      return source.next();
    });
    last = batch.catch(() => undefined); // an error is for whoever asks for the batch
    return batch;
  };
  const fill = (): void => {
    while (ready.length < batches) ready.push(prepare(position + ready.length));
  };

  const { name, identity, rows, context, vocabSize } = source;
  const ahead: TokenSource = {
    name,
    identity,
    rows,
    context,
    vocabSize,
    batches: source.batches,
    async next({ signal } = {}) {
      signal?.throwIfAborted();
      fill();
      const first = ready[0]!;
      const batch = await untilAborted(first, signal).catch((error: unknown) => {
        if (ready[0] === first && signal?.aborted !== true) ready = []; // tried again when asked again
        throw error;
      });
      if (ready[0] !== first) return ahead.next({ signal }); // sought meanwhile
      ready = ready.slice(1);
      if (batch === undefined) ready = [];
      else {
        position++;
        fill();
      }
      return batch;
    },
    position: () => position,
    seek(to) {
      source.seek(to);
      run++;
      ready = [];
      position = to;
    },
  };
  return ahead;
}
