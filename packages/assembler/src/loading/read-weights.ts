import type { RawTensor, ReadRawTensor, SafetensorsReader } from '@tessera/checkpoints';
import { oursNames, publishedNames, readOurs } from '@tessera/checkpoints';
import type { TensorRule } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import { disposeTree } from '@tessera/tensor-core';
import { pause } from '../pause.ts';
import type { LanguageModelGraph, ModelParams } from '../model/language-model.ts';
import { storageOf } from '../model/weight-dtype.ts';
import type { WeightDtype } from '../model/weight-dtype.ts';
import { ProgressMeter } from '../progress.ts';
import type { OnProgress } from '../progress.ts';
import { storedAs, toKept, writeTensor } from './write-tensor.ts';

/** Element type in which the checkpoint holds each of our tensors. */
export function storedDtypes(
  rules: readonly TensorRule[],
  reader: SafetensorsReader,
): (path: string) => 'f32' | 'f16' | 'bf16' {
  const dtypes = new Map<string, 'f32' | 'f16' | 'bf16'>();
  for (const rule of rules) {
    const entry = reader.tensors.get(publishedNames(rule)[0]!);
    for (const path of oursNames(rule)) dtypes.set(path, (entry && storedAs[entry.dtype]) ?? 'f32');
  }
  return (path) => dtypes.get(path) ?? 'f32';
}

/** Published tensors by name, as rules read them. */
export function readPublished(
  reader: SafetensorsReader,
  signal: AbortSignal | undefined,
  meter?: ProgressMeter,
): ReadRawTensor {
  return async (name) => {
    const entry = reader.tensors.get(name);
    if (entry) meter?.begin(entry.file);
    const bytes = await reader.read(name, { signal }); // refuses a name that is not there
    const { file, dtype, shape } = entry!;
    meter?.add(file, bytes.byteLength);
    return { dtype, shape, bytes };
  };
}

/** Tensors on a device for all parameters, not yet written. */
export function allocateWeights(
  graph: LanguageModelGraph,
  device: Device,
  dtype: WeightDtype,
  stored: (path: string) => 'f32' | 'f16' | 'bf16',
): Record<string, Tensor> {
  const params: Record<string, Tensor> = {};
  try {
    for (const [path, spec] of Object.entries(graph.params()))
      params[path] = device.allocate({ shape: spec.shape, dtype: storageOf(spec, dtype, stored(path)) });
    return params;
  } catch (error) {
    disposeTree(params);
    throw error;
  }
}

/** What {@link readWeights} is given. */
export interface ReadWeightsCall {
  readonly reader: SafetensorsReader;
  /** Already checked against the file and the model. */
  readonly rules: readonly TensorRule[];
  readonly meter: ProgressMeter;
  readonly signal: AbortSignal | undefined;
}

/** Reads every learned tensor of a checkpoint, one rule at a time, and hands it over as it is published. */
async function readWeights(
  { reader, rules, meter, signal }: ReadWeightsCall,
  take: (path: string, tensor: RawTensor) => void,
  takeRename?: (rule: Extract<TensorRule, { kind: 'rename' }>) => Promise<void>,
): Promise<void> {
  const read = readPublished(reader, signal, meter);
  for (const rule of neededRules(rules)) {
    signal?.throwIfAborted();
    if (takeRename && rule.kind === 'rename' && !rule.transposed) await takeRename(rule);
    else for (const [path, tensor] of await readOurs(rule, read)) take(path, tensor);
    await pause();
  }
  signal?.throwIfAborted();
}

/** Reads all weights onto a device that shares the host's memory: the arrays that were read become the tensors. */
export async function uploadWeights(
  call: ReadWeightsCall,
  { graph, device, dtype }: { graph: LanguageModelGraph; device: Device; dtype: WeightDtype },
): Promise<Record<string, Tensor>> {
  const specs = graph.params();
  const params: Record<string, Tensor> = {};
  try {
    await readWeights(call, (path, raw) => {
      const { shape } = specs[path]!;
      const kept = storageOf(specs[path]!, dtype, storedAs[raw.dtype]);
      params[path] = device.upload(toKept(raw, kept), { shape, dtype: kept });
    });
    return params;
  } catch (error) {
    disposeTree(params);
    throw error;
  }
}

/**
 * Reads all weights into tensors that are allocated. A tensor that is published as it is kept, but for its element type,
 * comes in pieces; others are put together on the host, one rule at a time.
 */
export async function writeWeights(
  call: ReadWeightsCall,
  { device, params, piece }: { device: Device; params: ModelParams; piece?: number },
): Promise<void> {
  const { reader, meter, signal } = call;
  await readWeights(
    call,
    (path, raw) => device.write(params[path]!, toKept(raw, params[path]!.dtype as 'f32' | 'f16' | 'bf16')),
    async ({ published, ours }) => {
      const { file, dtype } = reader.tensors.get(published)!;
      meter.begin(file);
      const read = async (range: { start: number; end: number }): Promise<Uint8Array<ArrayBuffer>> => {
        signal?.throwIfAborted();
        const bytes = await reader.read(published, { range, signal });
        meter.add(file, bytes.byteLength);
        return bytes;
      };
      await writeTensor({ device, tensor: params[ours]!, dtype, read, piece });
    },
  );
}

/** Counts the bytes that are read of each file. */
export function weightsMeter(
  rules: readonly TensorRule[],
  reader: SafetensorsReader,
  onProgress: OnProgress | undefined,
): ProgressMeter {
  const files = new Map<string, number>();
  for (const name of neededRules(rules).flatMap(publishedNames)) {
    const { file, byteLength } = reader.tensors.get(name)!;
    files.set(file, (files.get(file) ?? 0) + byteLength);
  }
  return new ProgressMeter(onProgress, files);
}

/** A copy repeats what another rule reads. */
function neededRules(rules: readonly TensorRule[]): readonly TensorRule[] {
  return rules.filter(({ kind }) => kind !== 'copy');
}
