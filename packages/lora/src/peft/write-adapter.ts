import type { SaveOptions } from '@tessera/assembler';
import type { FileSink, TensorBytes } from '@tessera/checkpoints';
import { fromFloat32, writeSafetensors } from '@tessera/checkpoints';
import type { Device, Tensor } from '@tessera/tensor-core';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { LoraSettings } from '../lora-settings.ts';
import { adapterFile, configFile, keyPrefix } from './file-names.ts';

/** What {@link writeAdapter} writes. */
export interface WriteAdapterCall {
  readonly settings: LoraSettings & { readonly targets: readonly string[] };
  readonly fanInFanOut: boolean;
  /** f32, resident on the device. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** @defaultValue 'fp32' */
  readonly dtype: SaveOptions['dtype'];
  readonly device: Device;
  readonly signal: AbortSignal | undefined;
}

const dtypes = { fp32: 'F32', fp16: 'F16', bf16: 'BF16' } as const;

/** Writes an adapter as PEFT does; the config comes last, so that a directory that has it is whole. */
export async function writeAdapter(sink: FileSink, call: WriteAdapterCall): Promise<void> {
  const { settings, fanInFanOut, tensors, dtype: given = 'fp32', device, signal } = call;
  const dtype = Object.hasOwn(dtypes, given) ? dtypes[given] : undefined;
  if (!dtype)
    throw new UnsupportedOptionError(
      `lora: dtype is '${String(given)}', expected one of ${Object.keys(dtypes).join(', ')}.`,
      { facts: { option: 'dtype', value: given } },
    );
  const bytes: TensorBytes[] = [];
  for (const [name, tensor] of Object.entries(tensors).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    signal?.throwIfAborted();
    const values = (await device.read(tensor)) as Float32Array;
    bytes.push({ name: keyPrefix + name, dtype, shape: tensor.shape, bytes: fromFloat32(values, dtype) });
  }
  const config = {
    base_model_name_or_path: null,
    bias: 'none',
    fan_in_fan_out: fanInFanOut,
    inference_mode: true,
    init_lora_weights: true,
    lora_alpha: settings.alpha,
    lora_dropout: 0,
    alpha_pattern: settings.alphaPattern,
    modules_to_save: null,
    peft_type: 'LORA',
    r: settings.rank,
    rank_pattern: settings.rankPattern,
    target_modules: settings.targets,
    task_type: 'CAUSAL_LM',
    use_dora: false,
    use_rslora: settings.rslora,
  };
  await sink.write(adapterFile, [writeSafetensors(bytes, { metadata: { format: 'pt' } })]);
  await sink.write(configFile, [new TextEncoder().encode(`${JSON.stringify(config, undefined, 2)}\n`)]);
}
