import type { Writable } from 'node:stream';

/** Writes text and waits until the stream takes more. A stream that was closed takes nothing and is not waited for. */
export async function writeText(stream: Writable, text: string): Promise<void> {
  if (text === '' || stream.destroyed || stream.errored || stream.write(text)) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('error', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('error', done).on('close', done);
  });
}

/** Writes one line; see {@link writeText}. */
export function writeLine(stream: Writable, line = ''): Promise<void> {
  return writeText(stream, `${line}\n`);
}
