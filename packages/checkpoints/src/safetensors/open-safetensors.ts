import { ModelFormatError } from '@tessera/tensor-core';
import { blobFile, isBlob } from '../source/blob-source.ts';
import type { FileSource, RandomAccessFile, ReadOptions } from '../source/file-source.ts';
import { bytesFile } from '../source/memory-source.ts';
import { readJson } from '../source/read-json.ts';
import { maxHeaderBytes } from './header-length.ts';
import { openShards } from './open-shards.ts';
import { readSafetensorsHeader } from './read-header.ts';
import { makeReader, type SafetensorsReader } from './safetensors-reader.ts';
import { checkShardIndex } from './shard-index.ts';

/** Options of {@link openSafetensors}. */
export interface OpenSafetensorsOptions extends ReadOptions {
  /**
   * The file of the source to open; an index when it ends with `.index.json`.
   * @defaultValue `model.safetensors` if the source has it, else `model.safetensors.index.json`
   */
  readonly file?: string | undefined;
}

/**
 * Opens the safetensors of a model, single or sharded, or one file alone. Headers are read and checked at once, tensors
 * when they are asked for.
 *
 * @param input - the model's files, or one safetensors file as a `Blob`, `File` or bytes (which are not copied)
 * @throws {@link ModelFormatError} when there is no such file, or a header or the index is not as the format says.
 * @throws {@link DownloadError} when a remote file cannot be fetched.
 */
export async function openSafetensors(
  input: FileSource | Blob | ArrayBuffer | Uint8Array,
  options: OpenSafetensorsOptions = {},
): Promise<SafetensorsReader> {
  const { signal } = options;
  if (isBlob(input))
    return openSingle(blobFile(options.file ?? blobName(input), input), options.file ?? blobName(input), { signal });
  if (input instanceof ArrayBuffer || input instanceof Uint8Array) {
    const file = options.file ?? 'model.safetensors';
    return openSingle(bytesFile(file, input instanceof ArrayBuffer ? new Uint8Array(input) : input), file, { signal });
  }
  const wanted = options.file ?? 'model.safetensors';
  if (!wanted.endsWith('.index.json')) {
    const handle = await input.open(wanted, { signal });
    if (handle !== undefined) return openSingle(handle, wanted, { signal });
    if (options.file !== undefined) throw await missing(input, wanted);
  }
  const index = options.file ?? 'model.safetensors.index.json';
  return openIndexed(input, index, { signal });
}

async function openSingle(handle: RandomAccessFile, file: string, options: ReadOptions): Promise<SafetensorsReader> {
  try {
    const { tensors, metadata } = await readSafetensorsHeader(handle, file, options);
    return makeReader(tensors, metadata, new Map([[file, handle]]));
  } catch (error) {
    await handle.close?.();
    throw error;
  }
}

async function openIndexed(source: FileSource, file: string, { signal }: ReadOptions): Promise<SafetensorsReader> {
  const handle = await source.open(file, { signal });
  if (handle === undefined) throw await missing(source, `${file.replace(/\.index\.json$/, '')} and no ${file}`);
  await handle.close?.();
  const json = await readJson(source, file, {
    signal,
    limit: maxHeaderBytes,
    maxDepth: 8,
    repeatedKeys: 'refuse',
    protoKeys: 'keep',
  });
  return openShards(source, checkShardIndex(json, file), file, { signal });
}

async function missing(source: FileSource, what: string): Promise<ModelFormatError> {
  const files = (await source.list?.().catch(() => [])) ?? [];
  const other = files.find((file) => /\.(safetensors|bin|pt|pth|gguf|onnx)$/.test(file));
  const mend =
    other === undefined
      ? 'Check the address and the folder of the model.'
      : `It has ${other}; name that file, or export the model as safetensors.`;
  return new ModelFormatError(`${source.name}: there is no ${what}, expected the weights as safetensors. ${mend}`, {
    facts: { source: source.name, missing: what, files: files.slice(0, 50) },
  });
}

function blobName(blob: Blob): string {
  return (blob as Partial<File>).name ?? 'model.safetensors';
}
