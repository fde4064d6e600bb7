import type { RandomAccessFile } from '@tessera/checkpoints';
import { DataError } from '../data-error.ts';

/** Bytes of a file from `start` to `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const chunkBytes = 1 << 20;

/** Reads a range in chunks, so that a file of any size takes the memory of one. */
export async function* readBytes(
  file: RandomAccessFile,
  { start, end }: ByteRange,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  for (let offset = start; offset < end; offset += chunkBytes) {
    signal?.throwIfAborted();
    yield await file.read(offset, Math.min(chunkBytes, end - offset), { signal });
  }
}

/** Reads a range as UTF-8. */
export async function* readText(
  file: RandomAccessFile,
  range: ByteRange,
  name: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ readonly text: string; readonly read: number }> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: range.start > 0 });
  let offset = range.start;
  const decode = (bytes: Uint8Array, stream: boolean): string => {
    try {
      return decoder.decode(bytes, { stream });
    } catch (cause) {
      throw new DataError(
        `${name}: bytes ${offset} to ${offset + bytes.length} are not UTF-8. Convert the file to UTF-8 first.`,
        { cause, facts: { file: name, offset } },
      );
    }
  };
  for await (const bytes of readBytes(file, range, signal)) {
    const text = decode(bytes, true);
    offset += bytes.length;
    yield { text, read: (offset - range.start) / (range.end - range.start) };
  }
  const text = decode(new Uint8Array(), false);
  if (text !== '') yield { text, read: 1 };
}
