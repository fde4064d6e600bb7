import { ModelFormatError } from '@tessera/tensor-core';
import { assertPlainPath } from '../source/plain-path.ts';
import { quote } from '../source/quote.ts';

/** What `model.safetensors.index.json` says. */
export interface ShardIndex {
  /** The shard of each tensor. */
  readonly weightMap: ReadonlyMap<string, string>;
  /** Names of the shards, each once, in order of first mention. */
  readonly shards: readonly string[];
}

/**
 * Checks the parsed index of a sharded model.
 *
 * @param value - the JSON, parsed with repeated keys refused: a tensor that is named twice has two shards
 * @throws {@link ModelFormatError} when `weight_map` is not a map of names to plain file names.
 */
export function checkShardIndex(value: unknown, file: string): ShardIndex {
  const map = isObject(value) ? value['weight_map'] : undefined;
  if (!isObject(map)) fail(file, 'weight_map is missing or no object', 'an object of tensor names to shard file names');
  const weightMap = new Map<string, string>();
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== 'string')
      fail(file, `weight_map of tensor ${quote(name)} is no string`, 'the name of its shard file');
    weightMap.set(name, shard);
  }
  const shards = [...new Set(weightMap.values())];
  for (const shard of shards) {
    assertPlainPath(shard, `${file}: weight_map`);
    if (!shard.endsWith('.safetensors'))
      fail(file, `weight_map names the file ${quote(shard)}`, 'a name that ends with .safetensors');
  }
  return { weightMap, shards };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fail(file: string, actual: string, expected: string): never {
  throw new ModelFormatError(`${file}: ${actual}, expected ${expected}. Export the model again.`, {
    facts: { file, actual, expected },
  });
}
