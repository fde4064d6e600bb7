import type { FileSink, FileSource, LazyTensor, SafetensorsDtype } from '@tessera/checkpoints';
import { directorySink, fromFloat32, nativeConfig, openSafetensors, oursNamesOf, publishedNamesOf, saveSafetensors, writePublished } from '@tessera/checkpoints';
import type { TensorRule } from '@tessera/plugin';
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
const companions = ['generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json', 'added_tokens.json', 'vocab.json', 'merges.txt', 'tokenizer.model', 'chat_template.jinja'];

/** Writes a model to a directory (Node) or a sink. */
export async function saveModel(parts: ModelParts, target: string | FileSink, options: SaveOptions): Promise<void> {
  checkOptionNames(options, knownOptions, 'save');
  if (options.dtype !== undefined && !Object.hasOwn(safetensorsDtype, options.dtype))
    throw new UnsupportedOptionError(`save: dtype is '${String(options.dtype)}', expected one of ${Object.keys(safetensorsDtype).join(', ')}.`, { facts: { option: 'dtype', value: options.dtype } });
  const sink = typeof target === 'string' ? directorySink(target) : target;
  const tensors = parts.origin ? publishedTensors(parts, parts.origin, options) : nativeTensors(parts, options);
  await saveSafetensors(sink, await tensors, { ...(options.maxShardBytes !== undefined && { maxShardBytes: options.maxShardBytes }), ...(options.signal && { signal: options.signal }) });
  if (parts.origin) for (const file of companions) await copyFile(parts.origin.source, file, sink);
  await sink.write('config.json', [new TextEncoder().encode(`${JSON.stringify(configOf(parts, options), undefined, 2)}\n`)]);
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
  return Object.entries(params).map(([name, tensor]) => ({ name, dtype: kept, shape: tensor.shape, bytes: async () => fromFloat32(await numbersOf(tensor, device), kept) }));
}

async function publishedTensors({ params, device }: ModelParts, { layout, config, published, source }: Origin, { dtype, signal }: SaveOptions): Promise<LazyTensor[]> {
  const rules = layout.rules(config, new Map([...published].map(([name, { shape }]) => [name, shape])));
  const made: LazyTensor[] = [];
  const covered = new Set<string>();
  for (const rule of rules) made.push(...ruleTensors(rule));
  const carried = [...published].filter(([name]) => !covered.has(name));
  const reader = carried.length > 0 ? await openSafetensors(source, { signal }) : undefined;
  for (const [name, entry] of carried) made.push({ name, dtype: entry.dtype, shape: entry.shape, bytes: () => reader!.read(name, { signal }) });
  return made;

  /** The published tensors of one rule; they share one reading of ours. */
  function ruleTensors(rule: TensorRule): LazyTensor[] {
    const names = publishedNamesOf(rule);
    const target = (name: string): SafetensorsDtype => (dtype === undefined ? published.get(name)!.dtype : safetensorsDtype[dtype]);
    let written: Promise<Map<string, Uint8Array>> | undefined;
    const write = async (): Promise<Map<string, Uint8Array>> => {
      const element = target(names[0]!);
      if (element !== 'F32' && element !== 'F16' && element !== 'BF16' && element !== 'F64') throw new ModelFormatError(`save: ${names[0]} was ${element}, which is no float type.`);
      const ours = new Map<string, { dtype: SafetensorsDtype; shape: readonly number[]; bytes: Uint8Array<ArrayBuffer> }>();
      for (const path of oursNamesOf(rule)) {
        const tensor = params[path];
        if (!tensor) throw new ModelFormatError(`save: the layout asks for ${path}, which the model does not have.`, { facts: { path } });
        ours.set(path, { dtype: element, shape: tensor.shape, bytes: fromFloat32(await numbersOf(tensor, device), element) });
      }
      return new Map([...writePublished(rule, ours)].map(([name, tensor]) => [name, tensor.bytes]));
    };
    return names.map((name) => {
      covered.add(name);
      return { name, dtype: target(name), shape: published.get(name)!.shape, bytes: async () => (await (written ??= write())).get(name)! };
    });
  }
}

async function numbersOf(tensor: Tensor, device: ModelParts['device']): Promise<Float32Array> {
  const data = await device.read(tensor);
  if (data instanceof Float32Array) return data;
  if (!isPacked(tensor.dtype)) return Float32Array.from(data);
  const numbers = new Float32Array(data.length);
  unpackHalf(tensor.dtype as 'f16' | 'bf16', data as Uint16Array, 0, numbers, 0, data.length);
  return numbers;
}
