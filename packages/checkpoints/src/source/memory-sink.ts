import type { FileSink } from './file-sink.ts';
import { assertPlainPath } from './plain-path.ts';

/** A sink that keeps its files, which {@link memorySource} can read. */
export interface MemorySink extends FileSink {
  /** The files written so far, by path. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

/** Collects files in memory, for tests and for downloads out of a page. */
export function memorySink(name = 'memory'): MemorySink {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  return {
    name,
    files,
    async write(path, chunks) {
      assertPlainPath(path, name);
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const chunk of chunks) {
        parts.push(chunk.slice()); // the writer may reuse its buffer
        length += chunk.length;
      }
      const whole = new Uint8Array(length);
      let at = 0;
      for (const part of parts) {
        whole.set(part, at);
        at += part.length;
      }
      files.set(path, whole);
    },
    async remove(path) {
      files.delete(path);
    },
  };
}
