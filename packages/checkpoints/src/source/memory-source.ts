import { checkRange } from './check-range.ts';
import type { FileSource, RandomAccessFile } from './file-source.ts';
import { mapSource } from './map-source.ts';

/** Content of a file in memory; a string stands for its UTF-8 bytes. */
export type MemoryFile = Uint8Array | ArrayBuffer | string;

/** Files that are already in memory, by path. Reads are copies, so that no reader can change the files. */
export function memorySource(
  files: Readonly<Record<string, MemoryFile>> | ReadonlyMap<string, MemoryFile>,
  name = 'memory',
): FileSource {
  // A Map, because a record answers for `constructor` and `__proto__` too.
  const byPath = new Map<string, MemoryFile>(files instanceof Map ? files : Object.entries(files));
  return mapSource(name, byPath, (path, content) => bytesFile(path, toBytes(content)));
}

/** A file over bytes in memory. */
export function bytesFile(name: string, bytes: Uint8Array): RandomAccessFile {
  return {
    size: bytes.length,
    async read(offset, length, options) {
      options?.signal?.throwIfAborted();
      checkRange(name, bytes.length, offset, length);
      return new Uint8Array(bytes.subarray(offset, offset + length));
    },
  };
}

function toBytes(content: MemoryFile): Uint8Array {
  if (typeof content === 'string') return new TextEncoder().encode(content);
  return content instanceof Uint8Array ? content : new Uint8Array(content);
}
