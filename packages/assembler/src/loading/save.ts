import type { FileSink, FileSource, FloatDtype, LazyTensor, SafetensorsDtype } from '@tessera/checkpoints';
import {
  directorySink,
  fromFloat32,
  openSafetensors,
  publishedNames,
  saveSafetensors,
  writePublished,
} from '@tessera/checkpoints';
import type { ModelSpec, TensorRule } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { ModelFormatError, UnsupportedOptionError, isPacked, unpackHalf } from '@tessera/tensor-core';
import type { ModelParts, Origin } from '../model/model.ts';
import { checkOptionNames } from './option-names.ts';

/** How a model is saved. */
export interface SaveOptions {
  /** Element type of the saved weights. @defaultValue those that the checkpoint had, F32 for a new model */
  readonly dtype?: 'fp32' | 'fp16' | 'bf16';
  /** Most bytes of tensors in a file; past them the model is sharded. @defaultValue 5 × 10⁹ */
  readonly maxShardBytes?: number;
  readonly signal?: AbortSignal;
}

const knownOptions = new Set(['dtype', 'maxShardBytes', 'signal']);
const safetensorsDtype = { fp32: 'F32', fp16: 'F16', bf16: 'BF16' } as const;
const configDtype = { fp32: 'float32', fp16: 'float16', bf16: 'bfloat16' } as const;

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
];

/** Writes a model to a directory (Node) or a sink. */
export async function saveModel(parts: ModelParts, target: string | FileSink, options: SaveOptions): Promise<void> {
  checkOptionNames(options, knownOptions, 'save');
  if (options.dtype !== undefined && !Object.hasOwn(safetensorsDtype, options.dtype))
    throw new UnsupportedOptionError(
      `save: dtype is '${String(options.dtype)}', expected one of ${Object.keys(safetensorsDtype).join(', ')}.`,
      { facts: { option: 'dtype', value: options.dtype } },
    );
  const sink = typeof target === 'string' ? directorySink(target) : target;
  const tensors = parts.origin ? publishedTensors(parts, parts.origin, options) : nativeTensors(parts, options);
  await saveSafetensors(sink, await tensors, {
    ...(options.maxShardBytes !== undefined && { maxShardBytes: options.maxShardBytes }),
    ...(options.signal && { signal: options.signal }),
  });
  if (parts.origin) for (const file of companions) await copyFile(parts.origin.source, file, sink);
  await sink.write('config.json', [
    new TextEncoder().encode(`${JSON.stringify(configOf(parts, options), undefined, 2)}\n`),
  ]);
}

function configOf({ origin, graph }: ModelParts, { dtype }: SaveOptions): object {
  if (!origin) return nativeConfig(graph.resolved.spec);
  if (dtype === undefined) return origin.config;
  const key = 'torch_dtype' in origin.config && !('dtype' in origin.config) ? 'torch_dtype' : 'dtype';
  return { ...origin.config, [key]: configDtype[dtype] };
}

async function copyFile(source: FileSource, path: string, sink: FileSink): Promise<void> {
  const file = await source.open(path);
  if (!file) return;
  try {
    await sink.write(path, [await file.read(0, file.size)]);
  } finally {
    await file.close?.();
  }
}

async function nativeTensors({ params, device }: ModelParts, { dtype }: SaveOptions): Promise<LazyTensor[]> {
  const kept = safetensorsDtype[dtype ?? 'fp32'];
  return Object.entries(params).map(([name, tensor]) => ({
    name,
    dtype: kept,
    shape: tensor.shape,
    bytes: async () => fromFloat32(await numbersOf(tensor, device), kept),
  }));
}

async function publishedTensors(
  { params, device }: ModelParts,
  { rules, published, source }: Origin,
  { dtype, signal }: SaveOptions,
): Promise<LazyTensor[]> {
  const made = rules.flatMap(ruleTensors);
  const covered = new Set(made.map(({ name }) => name));
  const carried = [...published].filter(([name]) => !covered.has(name));
  const reader = carried.length > 0 ? await openSafetensors(source, { signal }) : undefined;
  for (const [name, entry] of carried)
    made.push({ name, dtype: entry.dtype, shape: entry.shape, bytes: () => reader!.read(name, { signal }) });
  return made;

  /** The published tensors of one rule; they share one reading of ours. */
  function ruleTensors(rule: TensorRule): LazyTensor[] {
    const names = publishedNames(rule);
    const element = dtype === undefined ? published.get(names[0]!)!.dtype : safetensorsDtype[dtype];
    if (!isFloatDtype(element))
      throw new ModelFormatError(`save: ${names[0]} was ${element}, which is no float type. Choose a dtype.`, {
        facts: { tensor: names[0], dtype: element },
      });
    let written: ReturnType<typeof writePublished> | undefined;
    const write = (): ReturnType<typeof writePublished> =>
      (written ??= writePublished(rule, async (path) => ({
        dtype: element,
        shape: params[path]!.shape,
        bytes: fromFloat32(await numbersOf(params[path]!, device), element),
      })));
    return names.map((name) => ({
      name,
      dtype: element,
      shape: published.get(name)!.shape,
      bytes: async () => (await write()).get(name)!.bytes,
    }));
  }
}

function isFloatDtype(dtype: SafetensorsDtype): dtype is FloatDtype {
  return ['F32', 'F16', 'BF16', 'F64'].includes(dtype);
}

/** `config.json` of a model that no published layout expresses. */
function nativeConfig(spec: ModelSpec): object {
  const parts = spec.layers.flatMap((layer) => [
    layer.mixer,
    layer.feedForward,
    layer.mixerNorm,
    layer.mixerOutputNorm,
    layer.feedForwardNorm,
    layer.feedForwardOutputNorm,
  ]);
  const packages = new Set(
    [...parts, spec.finalNorm].flatMap((part) => (part ? [part.type.slice(0, part.type.indexOf(':'))] : [])),
  );
  return {
    model_type: 'tessera',
    spec,
    plugins: Object.fromEntries([...packages].toSorted().map((name) => [name, '*'])),
  };
}

async function numbersOf(tensor: Tensor, device: ModelParts['device']): Promise<Float32Array> {
  const data = await device.read(tensor);
  if (data instanceof Float32Array) return data;
  if (!isPacked(tensor.dtype)) return Float32Array.from(data);
  const numbers = new Float32Array(data.length);
  unpackHalf(tensor.dtype as 'f16' | 'bf16', data as Uint16Array, 0, numbers, 0, data.length);
  return numbers;
}
