import type { FloatDtype, LazyTensor, RawTensor, SafetensorsDtype, SafetensorsReader } from '@tessera/checkpoints';
import { fromFloat32, publishedNames, writePublished } from '@tessera/checkpoints';
import type { TensorRule } from '@tessera/plugin';
import { ModelFormatError } from '@tessera/tensor-core';
import type { ModelParts, Origin } from '../model/model.ts';
import { readNumbers } from './read-numbers.ts';

/** The published tensors that the rules make of ours, as `dtype` or as they were. */
export function publishedTensors(parts: ModelParts, origin: Origin, dtype: FloatDtype | undefined): LazyTensor[] {
  return origin.rules.flatMap((rule) => tensorsOfRule(rule, parts, origin, dtype));
}

/** Published tensors that no rule makes and a save carries along: buffers, parts for other inputs. */
export function carriedNames({ rules, published }: Origin): string[] {
  const made = new Set(rules.flatMap(publishedNames));
  return [...published.keys()].filter((name) => !made.has(name));
}

/** A tensor of the source, unchanged. */
export function carriedTensor(name: string, reader: SafetensorsReader, signal: AbortSignal | undefined): LazyTensor {
  const entry = reader.tensors.get(name);
  if (!entry)
    throw new ModelFormatError(
      `save: tensor "${name}" is no longer in the files that the model was loaded from, expected it there to be carried along. Load the model again.`,
      { facts: { tensor: name } },
    );
  return { name, dtype: entry.dtype, shape: entry.shape, bytes: () => reader.read(name, { signal }) };
}

/** They share one reading of ours, and what is read is held only until the last of them is written. */
function tensorsOfRule(
  rule: TensorRule,
  { params, device }: ModelParts,
  { published }: Origin,
  dtype: FloatDtype | undefined,
): LazyTensor[] {
  const names = publishedNames(rule);
  const element = dtype ?? floatDtype(names[0]!, published.get(names[0]!)!.dtype);
  const write = (): Promise<Map<string, RawTensor>> =>
    writePublished(rule, async (path) => ({
      dtype: element,
      shape: params[path]!.shape,
      bytes: fromFloat32(await readNumbers(params[path]!, device), element),
    }));
  let written: Promise<Map<string, RawTensor>> | undefined;
  let left = names.length;
  return names.map((name) => ({
    name,
    dtype: element,
    shape: published.get(name)!.shape,
    async bytes() {
      const tensors = await (written ??= write());
      if (--left <= 0) {
        written = undefined;
        left = names.length;
      }
      return tensors.get(name)!.bytes;
    },
  }));
}

function floatDtype(name: string, dtype: SafetensorsDtype): FloatDtype {
  if (dtype === 'F32' || dtype === 'F16' || dtype === 'BF16' || dtype === 'F64') return dtype;
  throw new ModelFormatError(
    `save: tensor "${name}" was ${dtype}, to which numbers cannot be rounded here. Choose a dtype.`,
    { facts: { tensor: name, dtype } },
  );
}
