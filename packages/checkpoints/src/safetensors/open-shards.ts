import { ModelFormatError } from '@tessera/tensor-core';
import type { FileSource, RandomAccessFile, ReadOptions } from '../source/file-source.ts';
import { quote } from '../source/quote.ts';
import type { SafetensorsHeader } from './parse-header.ts';
import { readSafetensorsHeader } from './read-header.ts';
import { closeAll, makeReader, type SafetensorsReader } from './safetensors-reader.ts';
import type { ShardIndex } from './shard-index.ts';
import type { TensorEntry } from './tensor-entry.ts';

/** Headers fetched at a time: a large model has hundreds of shards, and a server's patience has an end. */
const atOnce = 8;

/** Opens all shards of an index and checks that index and headers agree. */
export async function openShards(
  source: FileSource,
  index: ShardIndex,
  indexFile: string,
  options: ReadOptions,
): Promise<SafetensorsReader> {
  const handles = new Map<string, RandomAccessFile>();
  const headers = new Map<string, SafetensorsHeader>();
  const queue = [...index.shards];
  const worker = async (): Promise<void> => {
    for (let shard = queue.shift(); shard !== undefined; shard = queue.shift()) {
      const path = besideIndex(indexFile, shard);
      const handle = await source.open(path, options);
      if (handle === undefined) {
        throw new ModelFormatError(
          `${indexFile}: the shard ${quote(shard)} is missing in ${source.name}, expected all ${index.shards.length} shards. Fetch it.`,
          {
            facts: { file: indexFile, shard, shards: index.shards.length },
          },
        );
      }
      handles.set(shard, handle);
      headers.set(shard, await readSafetensorsHeader(handle, shard, options));
    }
  };
  try {
    // allSettled: after a failure the others must have stopped before their files are closed.
    const done = await Promise.allSettled(
      Array.from({ length: Math.min(atOnce, queue.length) }, () =>
        worker().catch((error: unknown) => {
          queue.length = 0;
          throw error;
        }),
      ),
    );
    const failed = done.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    const { tensors, metadata } = merge(index, headers, indexFile);
    return makeReader(tensors, metadata, handles);
  } catch (error) {
    await closeAll(handles.values());
    throw error;
  }
}

/** Shard names are relative to the folder of the index. */
function besideIndex(indexFile: string, shard: string): string {
  return indexFile.slice(0, indexFile.lastIndexOf('/') + 1) + shard;
}

function merge(
  index: ShardIndex,
  headers: ReadonlyMap<string, SafetensorsHeader>,
  file: string,
): Pick<SafetensorsReader, 'tensors' | 'metadata'> {
  const tensors = new Map<string, TensorEntry>();
  const metadata = new Map<string, string>();
  for (const shard of index.shards) {
    const header = headers.get(shard) as SafetensorsHeader;
    for (const [name, entry] of header.tensors) {
      const first = tensors.get(name)?.file;
      // A tensor that the index leaves out is kept, as other loaders do; one that it places elsewhere is in two shards.
      const placed = first ?? index.weightMap.get(name) ?? shard;
      if (first !== undefined || placed !== shard) {
        fail(
          file,
          `tensor ${quote(name)} is in ${quote(shard)} too, beside ${quote(placed)}`,
          'each tensor in one shard',
          { tensor: name, shard },
        );
      }
      tensors.set(name, entry);
    }
    for (const [key, value] of header.metadata) if (!metadata.has(key)) metadata.set(key, value);
  }
  for (const [name, shard] of index.weightMap) {
    if (!tensors.has(name))
      fail(file, `tensor ${quote(name)} is not in ${quote(shard)}`, 'it there, as weight_map says', {
        tensor: name,
        shard,
      });
  }
  return { tensors, metadata };
}

function fail(file: string, actual: string, expected: string, facts: Readonly<Record<string, unknown>>): never {
  throw new ModelFormatError(`${file}: ${actual}, expected ${expected}. Fetch or export the whole model again.`, {
    facts: { file, ...facts },
  });
}
