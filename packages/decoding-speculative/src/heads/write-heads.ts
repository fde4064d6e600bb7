import type { SaveOptions } from '@tessera/assembler';
import type { FileSink, TensorBytes } from '@tessera/checkpoints';
import { fromFloat32, writeSafetensors } from '@tessera/checkpoints';
import type { Device } from '@tessera/tensor-core';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { HeadTensors } from './head-output.ts';
import type { MedusaHeadsConfig } from './heads-config.ts';

/** Names of the files of heads. */
export const headsFiles = { config: 'config.json', tensors: 'model.safetensors' } as const;

/** What {@link writeHeads} writes. */
export interface WriteHeadsCall {
  readonly config: MedusaHeadsConfig;
  /** f32, resident on the device. */
  readonly tensors: HeadTensors;
  readonly device: Device;
  /** @defaultValue 'fp32' */
  readonly dtype: SaveOptions['dtype'];
  readonly signal: AbortSignal | undefined;
}

const dtypes = { fp32: 'F32', fp16: 'F16', bf16: 'BF16' } as const;

/** Writes heads; the config comes last, so that a directory that has it is whole. */
export async function writeHeads(sink: FileSink, call: WriteHeadsCall): Promise<void> {
  const { config, tensors, device, dtype: given = 'fp32', signal } = call;
  const dtype = Object.hasOwn(dtypes, given) ? dtypes[given] : undefined;
  if (!dtype)
    throw new UnsupportedOptionError(
      `heads: dtype is '${String(given)}', expected one of ${Object.keys(dtypes).join(', ')}.`,
      { facts: { option: 'dtype', value: given } },
    );
  const bytes: TensorBytes[] = [];
  for (const [name, tensor] of Object.entries(tensors).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    signal?.throwIfAborted();
    const values = (await device.read(tensor)) as Float32Array;
    bytes.push({ name, dtype, shape: tensor.shape, bytes: fromFloat32(values, dtype) });
  }
  await sink.write(headsFiles.tensors, [writeSafetensors(bytes, { metadata: { format: 'pt' } })]);
  await sink.write(headsFiles.config, [new TextEncoder().encode(`${JSON.stringify(config, undefined, 2)}\n`)]);
}
