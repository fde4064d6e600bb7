import type { Readable, Writable } from 'node:stream';

/** Where a command reads and writes, and what ends it early. */
export interface Terminal {
  /** Results only. */
  readonly stdout: Writable;
  /** Notices, progress, errors. */
  readonly stderr: Writable;
  readonly stdin: Readable;
  /** Aborted by Ctrl-C, or when nobody reads the results any more. */
  readonly signal: AbortSignal;
}

/** True when a person sees the stream, not a file or another program. */
export function isInteractive(stream: Readable | Writable): boolean {
  return (stream as { isTTY?: boolean }).isTTY === true;
}
