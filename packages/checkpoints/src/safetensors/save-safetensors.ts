import type { FileSink } from '../source/file-sink.ts';
import type { ReadOptions } from '../source/file-source.ts';
import { headerBytes, layoutOrder, type SafetensorsMetadata } from './header-bytes.ts';
import { planShards, type ShardPlan } from './plan-shards.ts';
import type { TensorDescription } from './tensor-entry.ts';
import { checkLength, type WriteSafetensorsOptions } from './write-safetensors.ts';

/** A tensor whose bytes may come when they are written, so that a model larger than memory can be saved. */
export interface LazyTensor extends TensorDescription {
  /** Little-endian elements, or what fetches them when they are written. */
  readonly bytes: Uint8Array | (() => Uint8Array | Promise<Uint8Array>);
}

/** Options of {@link saveSafetensors}. */
export interface SaveSafetensorsOptions extends WriteSafetensorsOptions, ReadOptions {
  /** Most bytes of tensors in a file; past them the model is sharded. @defaultValue 5 × 10⁹ */
  readonly maxShardBytes?: number | undefined;
}

/**
 * Writes a model's tensors as `model.safetensors`, or as shards with `model.safetensors.index.json`. The index is written
 * last, and files of an earlier save that would be loaded instead are removed where the sink can do so.
 *
 * @throws {@link ModelFormatError} when a name is repeated or reserved, or bytes do not fit dtype and shape.
 */
export async function saveSafetensors(
  sink: FileSink,
  tensors: Iterable<LazyTensor>,
  options: SaveSafetensorsOptions = {},
): Promise<ShardPlan<LazyTensor>> {
  const { maxShardBytes = 5e9, metadata, signal } = options;
  const all = [...tensors];
  headerBytes(all, metadata); // refuses a name that two shards would share, before anything is written
  const plan = planShards(all, maxShardBytes);
  for (const shard of plan.shards) await sink.write(shard.file, shardChunks(shard.tensors, metadata, signal));
  const index = 'model.safetensors.index.json';
  if (plan.index === undefined) {
    await sink.remove?.(index);
  } else {
    await sink.write(index, [new TextEncoder().encode(`${JSON.stringify(plan.index, null, 2)}\n`)]);
    await sink.remove?.('model.safetensors');
  }
  return plan;
}

async function* shardChunks(
  tensors: readonly LazyTensor[],
  metadata?: SafetensorsMetadata,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const ordered = layoutOrder(tensors);
  yield headerBytes(ordered, metadata);
  for (const tensor of ordered) {
    signal?.throwIfAborted();
    const bytes = typeof tensor.bytes === 'function' ? await tensor.bytes() : tensor.bytes;
    checkLength(tensor, bytes);
    yield bytes;
  }
}
