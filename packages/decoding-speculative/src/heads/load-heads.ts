import type { Model } from '@tessera/assembler';
import type { FileSource, FileSourceInput } from '@tessera/checkpoints';
import { openSafetensors, readJsonIfPresent, toFileSource, toFloat32 } from '@tessera/checkpoints';
import type { Tensor } from '@tessera/tensor-core';
import { ModelFormatError, disposeTree, sameShape, showShape } from '@tessera/tensor-core';
import { headShapes } from './head-output.ts';
import { checkHeadsConfig } from './heads-config.ts';
import { MedusaHeads } from './medusa-heads.ts';
import { headsFiles } from './write-heads.ts';

/** How heads are loaded. */
export interface LoadHeadsOptions {
  /** Rejects with `signal.reason`, and frees what was allocated. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Loads heads onto the model that they were trained on. They know it by its sizes: heads of another model of the same sizes are not
 * told apart, and propose what seldom stays.
 * @param source - a directory (Node), a URL, or files, with `config.json` and `model.safetensors`
 * @throws {@link ModelFormatError} when they are no heads, or belong to a model of other sizes; names a tensor that is missing, left
 *   over, or of the wrong shape
 */
export async function loadMedusaHeads(
  model: Model,
  source: FileSourceInput,
  { signal }: LoadHeadsOptions = {},
): Promise<MedusaHeads> {
  const files = await toFileSource(source);
  const config = checkHeadsConfig(await readConfig(files, signal), `${files.name}/${headsFiles.config}`, model);
  const reader = await openSafetensors(files, { file: headsFiles.tensors, signal });
  const tensors: Record<string, Tensor> = {};
  const wrong = (what: string, facts: object): ModelFormatError =>
    new ModelFormatError(`${files.name}/${headsFiles.tensors}: ${what}. Save the heads again.`, {
      facts: { ...facts },
    });
  try {
    const shapes = headShapes(config);
    const left = [...reader.tensors.keys()].find((name) => !Object.hasOwn(shapes, name));
    if (left !== undefined) throw wrong(`${left} belongs to no head of ${headsFiles.config}`, { tensor: left });
    for (const [name, shape] of Object.entries(shapes)) {
      const entry = reader.tensors.get(name);
      if (!entry || !sameShape(entry.shape, shape))
        throw wrong(`${name} is ${entry ? showShape(entry.shape) : 'missing'}, expected ${showShape(shape)}`, {
          tensor: name,
          expected: shape,
          actual: entry?.shape,
        });
      if (!['F32', 'F16', 'BF16', 'F64'].includes(entry.dtype))
        throw wrong(`${name} is ${entry.dtype}, expected floats`, { tensor: name, dtype: entry.dtype });
      const values = Float32Array.from(toFloat32(await reader.read(name, { signal }), entry.dtype));
      tensors[name] = model.device.upload(values, { shape, dtype: 'f32' });
    }
    return new MedusaHeads({ model, config, tensors });
  } catch (error) {
    disposeTree(tensors);
    throw error;
  } finally {
    await reader.close();
  }
}

/** @throws {@link ModelFormatError} when there is none */
async function readConfig(files: FileSource, signal: AbortSignal | undefined): Promise<unknown> {
  const json = await readJsonIfPresent(files, headsFiles.config, { signal });
  if (json !== undefined) return json;
  throw new ModelFormatError(
    `${files.name}: there is no ${headsFiles.config}, expected heads. Take a directory that tessera train-heads wrote.`,
    { facts: { source: files.name, missing: headsFiles.config } },
  );
}
