import type { RawTensor, ReadRawTensor, SafetensorsDtype, SafetensorsReader } from '@tessera/checkpoints';
import { oursNames, publishedNames, readOurs, toFloat32 } from '@tessera/checkpoints';
import type { ParamSpec, TensorRule } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import { disposeTree } from '@tessera/tensor-core';
import { pause } from '../pause.ts';
import type { LanguageModelGraph, ModelParams } from '../model/language-model.ts';
import { storageOf, toStorage } from '../model/weight-dtype.ts';
import type { WeightDtype } from '../model/weight-dtype.ts';
import { ProgressMeter } from '../progress.ts';
import type { OnProgress } from '../progress.ts';

const storedAs: Readonly<Partial<Record<SafetensorsDtype, 'f32' | 'f16' | 'bf16'>>> = { F16: 'f16', BF16: 'bf16' };

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

/** What {@link readWeights} is given. */
export interface ReadWeightsCall {
  readonly graph: LanguageModelGraph;
  readonly device: Device;
  readonly dtype: WeightDtype;
  readonly reader: SafetensorsReader;
  /** Already checked against the file and the model. */
  readonly rules: readonly TensorRule[];
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress | undefined;
}

/** Reads every learned tensor onto the device, one rule at a time. What was read is freed when it fails. */
export async function readWeights({
  graph,
  device,
  dtype,
  reader,
  rules,
  signal,
  onProgress,
}: ReadWeightsCall): Promise<ModelParams> {
  const specs = graph.params();
  // A copy repeats what another rule reads.
  const needed = rules.filter(({ kind }) => kind !== 'copy');
  const meter = new ProgressMeter(onProgress, bytesByFile(needed, reader));
  const read = readPublished(reader, signal, meter);
  const params: Record<string, Tensor> = {};
  try {
    for (const rule of needed) {
      signal?.throwIfAborted();
      for (const [path, piece] of await readOurs(rule, read)) params[path] = place(piece, specs[path]!, device, dtype);
      await pause();
    }
    signal?.throwIfAborted();
    meter.finish();
    return params;
  } catch (error) {
    disposeTree(params);
    throw error;
  }
}

function bytesByFile(rules: readonly TensorRule[], reader: SafetensorsReader): Map<string, number> {
  const files = new Map<string, number>();
  for (const name of rules.flatMap(publishedNames)) {
    const { file, byteLength } = reader.tensors.get(name)!;
    files.set(file, (files.get(file) ?? 0) + byteLength);
  }
  return files;
}

function place(piece: RawTensor, spec: ParamSpec, device: Device, dtype: WeightDtype): Tensor {
  const published = storedAs[piece.dtype] ?? 'f32';
  const kept = storageOf(spec, dtype, published);
  // Sixteen-bit weights that stay as they are need no detour over numbers.
  const unchanged = kept !== 'f32' && kept === published;
  const data = unchanged
    ? new Uint16Array(piece.bytes.buffer, piece.bytes.byteOffset, piece.bytes.byteLength / 2)
    : toStorage(toFloat32(piece.bytes, piece.dtype), kept);
  return device.upload(data, { shape: spec.shape, dtype: kept });
}
