import type { RandomAccessFile, ReadOptions } from '../source/file-source.ts';
import { prefixBytes, readHeaderLength } from './header-length.ts';
import { parseSafetensorsHeader, type SafetensorsHeader } from './parse-header.ts';

/** Most files are small, or have a header of less than this; one read is then enough, which matters over a network. */
const firstReadBytes = 1 << 16;

/** Reads and parses the header of an opened file. */
export async function readSafetensorsHeader(
  handle: RandomAccessFile,
  file: string,
  options: ReadOptions = {},
): Promise<SafetensorsHeader> {
  const first = await handle.read(0, Math.min(handle.size, firstReadBytes), options);
  const end = prefixBytes + readHeaderLength(first, file, handle.size);
  if (end <= first.length) return parseSafetensorsHeader(first.subarray(0, end), { file, fileSize: handle.size });
  return parseSafetensorsHeader(await handle.read(0, end, options), { file, fileSize: handle.size });
}
