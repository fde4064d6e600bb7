import { checkedBytes } from './header-bytes.ts';
import type { TensorDescription } from './tensor-entry.ts';

/** One file of a plan. */
export interface PlannedShard<T extends TensorDescription> {
  /** `model.safetensors`, or `model-00001-of-00004.safetensors`. */
  readonly file: string;
  /** Its tensors, in the order in which they were given. */
  readonly tensors: readonly T[];
}

/** Which tensors go into which file. */
export interface ShardPlan<T extends TensorDescription> {
  readonly shards: readonly PlannedShard<T>[];
  /** Content of `model.safetensors.index.json`; absent when there is one file. */
  readonly index:
    | { readonly metadata: Readonly<Record<string, number>>; readonly weight_map: Readonly<Record<string, string>> }
    | undefined;
}

/**
 * Divides tensors into files, in the order in which they are given, as transformers does: a new file begins where the next
 * tensor would pass the limit. A tensor that is larger than the limit gets a file of its own.
 *
 * @param maxShardBytes - most bytes of tensors in a file; headers are not counted
 * @throws {@link ModelFormatError} when a dtype or shape is not valid.
 */
export function planShards<T extends TensorDescription>(entries: Iterable<T>, maxShardBytes: number): ShardPlan<T> {
  const groups: T[][] = [[]];
  let inShard = 0;
  let totalBytes = 0;
  let totalElements = 0;
  for (const entry of entries) {
    const bytes = checkedBytes(entry);
    if (inShard > 0 && inShard + bytes > maxShardBytes) {
      groups.push([]);
      inShard = 0;
    }
    groups.at(-1)?.push(entry);
    inShard += bytes;
    totalBytes += bytes;
    totalElements += entry.shape.reduce((product, dim) => product * dim, 1);
  }
  if (groups.length === 1)
    return { shards: [{ file: 'model.safetensors', tensors: groups[0] as T[] }], index: undefined };
  const count = String(groups.length).padStart(5, '0');
  const shards = groups.map((tensors, index) => ({
    file: `model-${String(index + 1).padStart(5, '0')}-of-${count}.safetensors`,
    tensors,
  }));
  const places = shards.flatMap(({ file, tensors }) => tensors.map(({ name }) => [name, file] as const));
  places.sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    shards,
    // fromEntries defines properties, so that a tensor named `__proto__` is one too.
    index: {
      metadata: { total_parameters: totalElements, total_size: totalBytes },
      weight_map: Object.fromEntries(places),
    },
  };
}
