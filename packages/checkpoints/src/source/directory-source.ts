import { ModelFormatError } from '@tessera/tensor-core';
import type { FileHandle } from 'node:fs/promises';
import { allocate } from './allocate.ts';
import { checkRange } from './check-range.ts';
import type { FileSource, RandomAccessFile } from './file-source.ts';
import { assertPlainPath } from './plain-path.ts';

// One read of the operating system takes at most 2 GiB; a smaller piece also lets an abort through soon.
const pieceBytes = 1 << 26;

/**
 * A directory of the local file system (Node). Links are followed, as download caches are made of them.
 *
 * @throws {@link ModelFormatError} when the directory does not exist.
 */
export async function directorySource(path: string): Promise<FileSource> {
  // Dynamic, so that a bundle for browsers can hold this file.
  const { open, readdir, stat } = await import('node:fs/promises');
  const { join, relative, sep } = await import('node:path');
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) {
    throw new ModelFormatError(
      `${path}: ${found ? 'this is a file' : 'there is no such directory'}, expected a directory with config.json and model.safetensors. Correct the path.`,
      { facts: { path, exists: found !== undefined } },
    );
  }
  return {
    name: path,
    async list() {
      const entries = await readdir(path, { recursive: true, withFileTypes: true });
      const files = entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
      return files.map((entry) => relative(path, join(entry.parentPath, entry.name)).split(sep).join('/')).sort();
    },
    async open(name, options) {
      options?.signal?.throwIfAborted();
      assertPlainPath(name, path);
      const full = join(path, name);
      try {
        // Asked first: opening a pipe would wait for its writer.
        const { isFile, size } = await stat(full).then((stats) => ({ isFile: stats.isFile(), size: stats.size }));
        if (!isFile) throw new Error('it is not a regular file');
        return handleFile(full, await open(full, 'r'), size);
      } catch (cause) {
        const { code } = cause as NodeJS.ErrnoException;
        if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
        throw new ModelFormatError(
          `${full}: the file cannot be opened: ${(cause as Error).message}. Check its kind and permissions.`,
          {
            cause,
            facts: { path: full, reason: code ?? 'NOT_A_FILE' },
          },
        );
      }
    },
  };
}

function handleFile(path: string, handle: FileHandle, size: number): RandomAccessFile {
  let closed: Promise<void> | undefined;
  return {
    size,
    async read(offset, length, options) {
      options?.signal?.throwIfAborted();
      checkRange(path, size, offset, length);
      const bytes = allocate(length, path);
      for (let done = 0; done < length;) {
        const { bytesRead } = await handle.read(bytes, done, Math.min(pieceBytes, length - done), offset + done);
        options?.signal?.throwIfAborted();
        if (bytesRead === 0) checkRange(path, offset + done, offset, length); // cut short since it was opened
        done += bytesRead;
      }
      return bytes;
    },
    close: () => (closed ??= handle.close()),
  };
}
