import { UnsupportedOptionError } from '@tessera/tensor-core';
import { blobSource, isBlob } from './blob-source.ts';
import { directorySource } from './directory-source.ts';
import { isFileSource, type FileSource } from './file-source.ts';
import { memorySource, type MemoryFile } from './memory-source.ts';
import { urlSource, type UrlSourceOptions } from './url-source.ts';

/** What {@link toFileSource} understands. */
export type FileSourceInput = string | URL | FileSource | readonly File[] | Readonly<Record<string, MemoryFile | Blob>>;

/**
 * Makes a file source of what users have at hand: a string that begins with `http://` or `https://` and a `URL` are an
 * address, any other string is a directory (Node), `File[]` are picked files, a record holds files in memory or blobs.
 *
 * @throws {@link ModelFormatError} when the directory does not exist.
 * @throws {@link UnsupportedOptionError} when the input is none of these.
 */
export async function toFileSource(input: FileSourceInput, options: UrlSourceOptions = {}): Promise<FileSource> {
  if (typeof input === 'string') {
    if (/^https?:\/\//i.test(input)) return urlSource(input, options);
    return directorySource(/^file:\/\//i.test(input) ? await filePath(new URL(input)) : input);
  }
  if (input instanceof URL)
    return input.protocol === 'file:' ? directorySource(await filePath(input)) : urlSource(input, options);
  if (isFileSource(input)) return input;
  if (Array.isArray(input) && input.every((file: unknown): file is File => isBlob(file) && 'name' in file))
    return blobSource(input);
  if (isRecord(input)) {
    const values = Object.values(input);
    if (values.every((value): value is MemoryFile => isMemoryFile(value)))
      return memorySource(input as Record<string, MemoryFile>);
    if (values.every((value) => isBlob(value) || isMemoryFile(value))) {
      const entries = Object.entries(input).map(([path, value]) => [
        path,
        isBlob(value) ? value : new Blob([value as BlobPart]),
      ]);
      return blobSource(Object.fromEntries(entries) as Record<string, Blob>);
    }
  }
  throw new UnsupportedOptionError(
    'files: expected a directory path, an http(s) address, a FileSource, File[], or a record of paths to bytes, text or blobs. Pass one of these.',
    { facts: { type: typeof input } },
  );
}

async function filePath(url: URL): Promise<string> {
  const { fileURLToPath } = await import('node:url');
  return fileURLToPath(url);
}

function isMemoryFile(value: unknown): value is MemoryFile {
  return typeof value === 'string' || value instanceof Uint8Array || value instanceof ArrayBuffer;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // A plain object of any realm: its prototype is the root of its chain.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
