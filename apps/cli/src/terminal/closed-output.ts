import type { Writable } from 'node:stream';

/** Why a command ends when the program that read its results went away, as `head` does. Not a failure. */
export class ClosedOutput extends Error {
  constructor() {
    super('The reader of the results closed.');
    this.name = 'ClosedOutput';
  }
}

/** Calls `closed` when nobody reads the stream any more. Returns what stops watching. */
export function watchClosing(stream: Writable, closed: (reason: Error) => void): () => void {
  const onError = (error: NodeJS.ErrnoException): void => {
    const goneAway = error.code === 'EPIPE' || error.code === 'ERR_STREAM_DESTROYED';
    closed(goneAway ? new ClosedOutput() : error);
  };
  stream.on('error', onError);
  return () => stream.off('error', onError);
}
