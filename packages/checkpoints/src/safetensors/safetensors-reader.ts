import { ModelFormatError } from '@tessera/tensor-core';
import { checkRange } from '../source/check-range.ts';
import type { RandomAccessFile, ReadOptions } from '../source/file-source.ts';
import { quote } from '../source/quote.ts';
import type { TensorEntry } from './tensor-entry.ts';

/** Options of {@link SafetensorsReader.read}. */
export interface ReadTensorOptions extends ReadOptions {
  /** Bytes of the tensor to read, from `start` up to `end`, so that a large one comes in pieces. @defaultValue all */
  readonly range?: { readonly start: number; readonly end: number } | undefined;
}

/** Tensors of one safetensors file, or of all shards of a model; bytes are read when they are asked for. */
export interface SafetensorsReader {
  /** All tensors by name, shard after shard, in the order of their bytes. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The `__metadata__` of the file; of shards, the first value of each key. */
  readonly metadata: ReadonlyMap<string, string>;
  /**
   * Reads the bytes of a tensor: little-endian, row-major, alone in their buffer from its start, so that
   * `new Float32Array(bytes.buffer)` and other views need no copy.
   *
   * @throws {@link ModelFormatError} when there is no such tensor, the range is not inside it, or the reader was closed.
   * @throws {@link DownloadError} when a remote file cannot be fetched.
   * @throws {@link OutOfMemoryError} when the bytes cannot be held.
   */
  read(name: string, options?: ReadTensorOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** Closes the files. Calling it twice is harmless. */
  close(): Promise<void>;
}

/** A reader over opened files whose headers were parsed. */
export function makeReader(
  tensors: ReadonlyMap<string, TensorEntry>,
  metadata: ReadonlyMap<string, string>,
  handles: ReadonlyMap<string, RandomAccessFile>,
): SafetensorsReader {
  let closed: Promise<void> | undefined;
  return {
    tensors,
    metadata,
    async read(name, options) {
      if (closed !== undefined) {
        throw new ModelFormatError(
          `tensor ${quote(name)}: the files were closed, expected an open reader. Read before close().`,
          { facts: { tensor: name } },
        );
      }
      const entry = tensors.get(name);
      const handle = entry && handles.get(entry.file);
      if (entry === undefined || handle === undefined) throw unknownTensor(name, tensors);
      const { start, end } = options?.range ?? { start: 0, end: entry.byteLength };
      checkRange(`tensor ${quote(name)}`, entry.byteLength, start, end - start);
      return handle.read(entry.byteOffset + start, end - start, options);
    },
    close: () => (closed ??= closeAll(handles.values())),
  };
}

/** Closes all files, also after one of them failed to. */
export async function closeAll(handles: Iterable<RandomAccessFile>): Promise<void> {
  await Promise.allSettled([...handles].map(async (handle) => handle.close?.()));
}

function unknownTensor(name: string, tensors: ReadonlyMap<string, TensorEntry>): ModelFormatError {
  const last = name.slice(name.lastIndexOf('.', name.lastIndexOf('.') - 1) + 1);
  const similar = [...tensors.keys()].filter((other) => other.endsWith(last)).slice(0, 3);
  const hint =
    similar.length > 0
      ? ` Names that end alike: ${similar.map(quote).join(', ')}.`
      : ' Check the name and the checkpoint.';
  return new ModelFormatError(
    `tensor ${quote(name)}: the checkpoint has no such tensor, expected one of its ${tensors.size}.${hint}`,
    {
      facts: { tensor: name, similar },
    },
  );
}
