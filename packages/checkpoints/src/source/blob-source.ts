import { ModelFormatError } from '@tessera/tensor-core';
import { checkRange } from './check-range.ts';
import type { FileSource, RandomAccessFile } from './file-source.ts';
import { mapSource } from './map-source.ts';
import { quote } from './quote.ts';

/**
 * Files picked in a browser, or blobs by path. Of a picked folder (`webkitRelativePath`) the folder's own name is left
 * out, so that `my-model/config.json` is `config.json`.
 *
 * @throws {@link ModelFormatError} when two files have the same path.
 */
export function blobSource(files: readonly File[] | Readonly<Record<string, Blob>>, name = 'files'): FileSource {
  const byPath = Array.isArray(files)
    ? filesByPath(files as readonly File[], name)
    : new Map(Object.entries(files as Record<string, Blob>));
  return mapSource(name, byPath, blobFile);
}

/** A file over a `Blob`; only the ranges that are read enter memory. */
export function blobFile(name: string, blob: Blob): RandomAccessFile {
  return {
    size: blob.size,
    async read(offset, length, options) {
      options?.signal?.throwIfAborted();
      checkRange(name, blob.size, offset, length);
      let bytes: Uint8Array<ArrayBuffer>;
      try {
        bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      } catch (cause) {
        throw new ModelFormatError(
          `${name}: bytes ${offset} to ${offset + length} cannot be read; was the file changed after it was picked? Pick it again.`,
          {
            cause,
            facts: { file: name, offset, length },
          },
        );
      }
      options?.signal?.throwIfAborted();
      return bytes;
    },
  };
}

/** True for a `Blob` or `File`, also of another realm. */
export function isBlob(value: unknown): value is Blob {
  if (typeof value !== 'object' || value === null) return false;
  const blob = value as Partial<Blob>;
  return typeof blob.size === 'number' && typeof blob.slice === 'function' && typeof blob.arrayBuffer === 'function';
}

function filesByPath(files: readonly File[], name: string): Map<string, Blob> {
  const paths = files.map((file) => file.webkitRelativePath || file.name);
  const folder = commonFolder(paths);
  const byPath = new Map<string, Blob>();
  files.forEach((file, index) => {
    const path = (paths[index] as string).slice(folder.length);
    if (byPath.has(path)) {
      throw new ModelFormatError(
        `${name}: two files have the path ${quote(path)}, expected one. Pick the files of one model.`,
        { facts: { path } },
      );
    }
    byPath.set(path, file);
  });
  return byPath;
}

/** The first folder with its slash where all paths share it, else nothing. */
function commonFolder(paths: readonly string[]): string {
  const first = paths[0];
  if (first === undefined) return '';
  const folder = first.slice(0, first.indexOf('/') + 1);
  return paths.every((path) => path.startsWith(folder)) ? folder : '';
}
