import type { RandomAccessFile } from '@tessera/checkpoints';
import { DataError } from '../data-error.ts';
import { readBytes } from './read-range.ts';

const newline = 10;
const continues = (byte: number): boolean => (byte & 0xc0) === 0x80;

/**
 * The byte after the first newline at or after a share of the characters (code points) of a file: what comes before is trained on, what follows is the
 * end kept for validation. The file is read once or a little more, in chunks.
 */
export async function splitAtEnd(
  file: RandomAccessFile,
  name: string,
  trainShare: number,
  signal?: AbortSignal,
): Promise<number> {
  const whole = { start: 0, end: file.size };
  const chunks: { readonly offset: number; readonly before: number }[] = []; // characters before each chunk
  let characters = 0;
  let offset = 0;
  for await (const bytes of readBytes(file, whole, signal)) {
    chunks.push({ offset, before: characters });
    for (const byte of bytes) if (!continues(byte)) characters++;
    offset += bytes.length;
  }
  const target = Math.ceil(characters * trainShare);
  const from = chunks.findLast(({ before }) => before <= target) ?? { offset: 0, before: 0 };
  let index = from.before - 1; // of the character that the byte belongs to
  offset = from.offset;
  for await (const bytes of readBytes(file, { start: from.offset, end: file.size }, signal)) {
    for (const byte of bytes) {
      if (!continues(byte)) index++;
      offset++;
      if (byte === newline && index >= target && offset < file.size) return offset;
    }
  }
  throw new DataError(
    `${name}: no line begins after ${trainShare * 100} % of its ${characters} characters, so nothing is left for validation. Raise the fraction, or split by hash.`,
    { facts: { file: name, characters, trainShare } },
  );
}
