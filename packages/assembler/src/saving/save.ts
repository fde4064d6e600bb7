import type { FileSink, FileSource } from '@tessera/checkpoints';
import { directorySink, openSafetensors, saveSafetensors } from '@tessera/checkpoints';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { ModelParts } from '../model/model.ts';
import { checkOptionNames } from '../option-names.ts';
import { nativeConfig } from './native-config.ts';
import { nativeTensors } from './native-tensors.ts';
import { carriedNames, carriedTensor, publishedTensors } from './published-tensors.ts';

/** How a model is saved. */
export interface SaveOptions {
  /** Element type of the saved weights. @defaultValue those that the checkpoint had, F32 for a new model */
  readonly dtype?: 'fp32' | 'fp16' | 'bf16' | undefined;
  /** Most bytes of tensors in a file; past them the model is sharded. @defaultValue 5 × 10⁹ */
  readonly maxShardBytes?: number | undefined;
  /** Rejects with `signal.reason`; files that were written until then stay. */
  readonly signal?: AbortSignal | undefined;
}

const optionNames = ['dtype', 'maxShardBytes', 'signal'] as const;

const dtypes: Readonly<
  Record<NonNullable<SaveOptions['dtype']>, { readonly tensors: 'F32' | 'F16' | 'BF16'; readonly config: string }>
> = {
  fp32: { tensors: 'F32', config: 'float32' },
  fp16: { tensors: 'F16', config: 'float16' },
  bf16: { tensors: 'BF16', config: 'bfloat16' },
};

/** Files that go along with a checkpoint unchanged. */
const companions = [
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'tokenizer.model',
  'chat_template.jinja',
] as const;

/** Writes a model to a directory (Node) or a sink. `config.json` comes last: a directory that has it is whole. */
export async function saveModel(parts: ModelParts, target: string | FileSink, options: SaveOptions): Promise<void> {
  checkOptions(options);
  const { signal, maxShardBytes } = options;
  signal?.throwIfAborted();
  const sink = typeof target === 'string' ? directorySink(target) : target;
  const { origin } = parts;
  const dtype = options.dtype && dtypes[options.dtype].tensors;
  const carried = origin ? carriedNames(origin) : [];
  // It may be the very files that are replaced, so it stays open until they are written.
  const reader = carried.length > 0 ? await openSafetensors(origin!.source, { signal }) : undefined;
  try {
    const tensors = origin ? publishedTensors(parts, origin, dtype) : nativeTensors(parts, dtype ?? 'F32');
    for (const name of carried) tensors.push(carriedTensor(name, reader!, signal));
    await saveSafetensors(sink, tensors, { maxShardBytes, signal });
  } finally {
    await reader?.close();
  }
  if (origin) for (const file of companions) await copyFile(origin.source, file, sink, signal);
  const config = `${JSON.stringify(configOf(parts, options), undefined, 2)}\n`;
  await sink.write('config.json', [new TextEncoder().encode(config)]);
}

function checkOptions(options: SaveOptions): void {
  checkOptionNames(options, optionNames, 'save');
  const { dtype, maxShardBytes } = options;
  if (dtype !== undefined && !Object.hasOwn(dtypes, dtype))
    throw new UnsupportedOptionError(
      `save: dtype is '${String(dtype)}', expected one of ${Object.keys(dtypes).join(', ')}.`,
      { facts: { option: 'dtype', value: dtype } },
    );
  if (maxShardBytes !== undefined && !(typeof maxShardBytes === 'number' && maxShardBytes > 0))
    throw new UnsupportedOptionError(`save: maxShardBytes is ${String(maxShardBytes)}, expected a number above 0.`, {
      facts: { option: 'maxShardBytes', value: maxShardBytes },
    });
}

function configOf({ origin, graph }: ModelParts, { dtype }: SaveOptions): object {
  if (!origin) return nativeConfig(graph.resolved.spec);
  if (dtype === undefined) return origin.config;
  // As the config spells it: transformers 4 wrote `torch_dtype`.
  const key = 'torch_dtype' in origin.config && !('dtype' in origin.config) ? 'torch_dtype' : 'dtype';
  return { ...origin.config, [key]: dtypes[dtype].config };
}

async function copyFile(
  source: FileSource,
  path: string,
  sink: FileSink,
  signal: AbortSignal | undefined,
): Promise<void> {
  const file = await source.open(path, { signal });
  if (!file) return;
  try {
    await sink.write(path, [await file.read(0, file.size, { signal })]);
  } finally {
    await file.close?.();
  }
}
