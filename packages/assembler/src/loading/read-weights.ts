import type { FileSource, SafetensorsDtype, SafetensorsReader } from '@tessera/checkpoints';
import { checkCoverage, publishedNamesOf, oursNamesOf, readOurs, toFloat32 } from '@tessera/checkpoints';
import type { CheckpointLayout, ParamSpec, TensorRule } from '@tessera/plugin';
import type { Device, Tensor } from '@tessera/tensor-core';
import { ModelFormatError, disposeTree, sameShape, showShape } from '@tessera/tensor-core';
import type { LanguageModelGraph, ModelParams } from '../model/language-model.ts';
import { storageOf, toStorage } from '../model/weight-dtype.ts';
import type { WeightDtype } from '../model/weight-dtype.ts';
import { ProgressMeter } from '../progress.ts';
import type { OnProgress } from '../progress.ts';
import { pause } from '../generation/pause.ts';

const storedAs: Readonly<Partial<Record<SafetensorsDtype, 'f32' | 'f16' | 'bf16'>>> = { F16: 'f16', BF16: 'bf16' };

/** Element type in which the checkpoint holds each of our tensors. */
export function publishedDtypes(rules: readonly TensorRule[], reader: SafetensorsReader): (path: string) => 'f32' | 'f16' | 'bf16' {
  const dtypes = new Map<string, 'f32' | 'f16' | 'bf16'>();
  for (const rule of rules) {
    const entry = reader.tensors.get(publishedNamesOf(rule)[0]!);
    for (const path of oursNamesOf(rule)) dtypes.set(path, (entry && storedAs[entry.dtype]) ?? 'f32');
  }
  return (path) => dtypes.get(path) ?? 'f32';
}

/** What {@link readWeights} is given. */
export interface ReadWeightsCall {
  readonly graph: LanguageModelGraph;
  readonly device: Device;
  readonly dtype: WeightDtype;
  readonly reader: SafetensorsReader;
  readonly rules: readonly TensorRule[];
  readonly layout: CheckpointLayout;
  readonly source: FileSource;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress | undefined;
}

/**
 * Reads every learned tensor onto the device, one rule at a time.
 * @throws {@link ModelFormatError} naming a tensor that is missing, too many, of another shape or of no float type
 */
export async function readWeights({ graph, device, dtype, reader, rules, layout, source, signal, onProgress }: ReadWeightsCall): Promise<ModelParams> {
  const specs = graph.params();
  checkCoverage(rules, reader.tensors, layout.ignored ?? [], source.name);
  const meter = new ProgressMeter(
    onProgress,
    [...reader.tensors.values()].reduce((total, entry) => total + entry.byteLength, 0),
  );
  const params: Record<string, Tensor> = {};
  try {
    for (const rule of rules) {
      signal?.throwIfAborted();
      const pieces = await readOurs(rule, async (name) => {
        const bytes = await reader.read(name, { signal });
        meter.add(bytes.byteLength);
        const { dtype: stored, shape } = reader.tensors.get(name)!;
        return { dtype: stored, shape, bytes };
      });
      for (const [path, piece] of pieces) params[path] = place(path, piece, specs, device, dtype, source.name);
      await pause();
    }
    const missing = Object.keys(specs).find((path) => !params[path]);
    if (missing !== undefined) throw new ModelFormatError(`${source.name}: nothing in the checkpoint is ${missing} ${showShape(specs[missing]!.shape)}.`, { facts: { path: missing } });
  } catch (error) {
    disposeTree(params);
    throw error;
  }
  meter.finish();
  return params;
}

interface Piece {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

function place(path: string, piece: Piece, specs: Readonly<Record<string, ParamSpec>>, device: Device, dtype: WeightDtype, where: string): Tensor {
  const spec = specs[path];
  if (!spec) throw new ModelFormatError(`${where}: the layout gives ${path}, which the model does not have.`, { facts: { path } });
  if (!sameShape(spec.shape, piece.shape))
    throw new ModelFormatError(`${where}: ${path} has shape ${showShape(piece.shape)}, expected ${showShape(spec.shape)}. config.json and the weights do not belong together.`, {
      facts: { path, actual: piece.shape, expected: spec.shape },
    });
  const published = storedAs[piece.dtype] ?? 'f32';
  const kept = storageOf(spec, dtype, published);
  // Sixteen-bit weights that stay as they are need no detour over numbers.
  const data = kept !== 'f32' && kept === published ? new Uint16Array(piece.bytes.buffer, piece.bytes.byteOffset, piece.bytes.byteLength / 2) : toStorage(toFloat32(piece.bytes, piece.dtype), kept);
  return device.upload(data, { shape: spec.shape, dtype: kept });
}
