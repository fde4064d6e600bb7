import type { FileSource, SafetensorsReader } from '@tessera/checkpoints';
import { openSafetensors, readJsonIfPresent, toFloat32 } from '@tessera/checkpoints';
import { ModelFormatError } from '@tessera/tensor-core';

const file = 'golden.safetensors';

/** Numbers of a reference with their shape. */
export interface ReferenceTensor {
  readonly values: Float32Array;
  readonly shape: readonly number[];
}

/** What a reference implementation gave. */
export interface Golden {
  /** Context length for which the reference was made, where frequencies depend on it. */
  readonly contextLength: number | undefined;
  readonly inputIds: readonly (readonly number[])[];
  /** `[B, T, V]` */
  readonly logits: ReferenceTensor;
  /** Prompts and what greedy decoding made of them; undefined where the reference does not generate. */
  readonly greedy: readonly { readonly prompt: readonly number[]; readonly ids: readonly number[] }[] | undefined;
  /** Residual stream before layer i, `[b ≤ B, t ≤ T, D]`; the number of layers names what follows the last. */
  readonly hidden: ReadonlyMap<number, ReferenceTensor>;
}

/** Reads `golden.safetensors` and `meta.json` of a conformance directory. */
export async function readGolden(source: FileSource, signal: AbortSignal): Promise<Golden> {
  const meta = ((await readJsonIfPresent(source, 'meta.json', { signal })) ?? {}) as Record<string, unknown>;
  const reader = await openGolden(source, signal);
  try {
    const { context_length: contextLength } = meta;
    return {
      contextLength: typeof contextLength === 'number' ? contextLength : undefined,
      inputIds: await readIds(reader, 'input_ids', signal),
      logits: await readNumbers(reader, 'logits', 3, signal),
      greedy: await readGreedy(reader, signal),
      hidden: await readHidden(reader, signal),
    };
  } finally {
    await reader.close();
  }
}

/** What a single layer read and gave, by what follows `hidden_states` and `output` in the names. */
export type ModulePairs = ReadonlyMap<string, { readonly input: ReferenceTensor; readonly output: ReferenceTensor }>;

/** Reads `golden.safetensors` of a directory with a single layer. */
export async function readModulePairs(source: FileSource, signal: AbortSignal): Promise<ModulePairs> {
  const reader = await openGolden(source, signal);
  try {
    const pairs = new Map<string, { input: ReferenceTensor; output: ReferenceTensor }>();
    for (const name of reader.tensors.keys()) {
      const suffix = /^hidden_states(.*)$/.exec(name)?.[1];
      if (suffix === undefined) continue;
      const input = await readNumbers(reader, name, 3, signal);
      pairs.set(suffix, { input, output: await readNumbers(reader, `output${suffix}`, 3, signal) });
    }
    if (pairs.size > 0) return pairs;
    throw new ModelFormatError(`${file}: it has no hidden_states, expected what the layer read and gave.`);
  } finally {
    await reader.close();
  }
}

/** Opens `golden.safetensors`. */
export async function openGolden(source: FileSource, signal: AbortSignal): Promise<SafetensorsReader> {
  const handle = await source.open(file, { signal });
  await handle?.close?.();
  if (handle) return openSafetensors(source, { file, signal });
  throw new ModelFormatError(
    `${source.name}: there is no ${file}, expected the outputs of a reference implementation. Give a conformance directory.`,
    { facts: { source: source.name, missing: file } },
  );
}

/** Prompts and their greedy continuations, if there are any. */
export async function readGreedy(reader: SafetensorsReader, signal: AbortSignal): Promise<Golden['greedy']> {
  if (!reader.tensors.has('greedy_ids') && !reader.tensors.has('greedy_prompt')) return undefined;
  const prompts = await readIds(reader, 'greedy_prompt', signal);
  const texts = await readIds(reader, 'greedy_ids', signal);
  if (prompts.length !== texts.length)
    throw new ModelFormatError(
      `${file}: greedy_prompt has ${prompts.length} rows and greedy_ids ${texts.length}. They should have as many.`,
    );
  return texts.map((ids, row) => ({ prompt: prompts[row]!, ids }));
}

async function readHidden(reader: SafetensorsReader, signal: AbortSignal): Promise<Golden['hidden']> {
  const hidden = new Map<number, ReferenceTensor>();
  for (const { name, shape, dtype } of reader.tensors.values()) {
    const layer = /^hidden_(\d+)$/.exec(name)?.[1];
    if (layer !== undefined && shape.length === 3)
      hidden.set(Number(layer), { values: toFloat32(await reader.read(name, { signal }), dtype), shape });
  }
  return hidden;
}

/** Numbers of so many axes. */
export async function readNumbers(
  reader: SafetensorsReader,
  name: string,
  axes: number,
  signal: AbortSignal,
): Promise<ReferenceTensor> {
  const bytes = await reader.read(name, { signal });
  const { shape, dtype } = reader.tensors.get(name)!;
  checkAxes(name, shape, axes);
  return { values: toFloat32(bytes, dtype), shape };
}

/** Rows of token ids. */
export async function readIds(reader: SafetensorsReader, name: string, signal: AbortSignal): Promise<number[][]> {
  const { shape } = reader.tensors.get(name)!;
  checkAxes(name, shape, 2);
  const ids = await readWholeNumbers(reader, name, signal);
  const [rows, length] = shape as [number, number];
  return Array.from({ length: rows }, (_, row) => ids.slice(row * length, (row + 1) * length));
}

/** Whole numbers, row-major. */
export async function readWholeNumbers(
  reader: SafetensorsReader,
  name: string,
  signal: AbortSignal,
): Promise<number[]> {
  const bytes = await reader.read(name, { signal });
  const { dtype } = reader.tensors.get(name)!;
  if (dtype !== 'I64' && dtype !== 'I32')
    throw new ModelFormatError(`${file}: ${name} is ${dtype}, expected whole numbers as I64 or I32.`);
  return dtype === 'I64' ? Array.from(new BigInt64Array(bytes.buffer), Number) : [...new Int32Array(bytes.buffer)];
}

function checkAxes(name: string, shape: readonly number[], axes: number): void {
  if (shape.length !== axes)
    throw new ModelFormatError(`${file}: ${name} has shape [${shape.join(', ')}], expected ${axes} axes.`);
}
