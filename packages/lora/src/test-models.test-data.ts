import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Assembler, Model } from '@tessera/assembler';
import { createAssembler } from '@tessera/assembler';
import { linearAttention } from '@tessera/attention-linear';
import { softmax } from '@tessera/attention-softmax';
import { openSafetensors, toFloat32 } from '@tessera/checkpoints';
import { feedForward } from '@tessera/feedforward';
import { norms } from '@tessera/norms';
import type { ModelSpec } from '@tessera/plugin';
import type { Device } from '@tessera/tensor-core';
import type { Lora } from './lora.ts';

/** An assembler with the families of the tests. */
export const assembler: Assembler = createAssembler({ plugins: [softmax, linearAttention, feedForward, norms] });

const conformance = fileURLToPath(new URL('../../../apps/conformance/', import.meta.url));

/** Adapters that PEFT made, each over the conformance case of its name. */
export const peftCases: readonly string[] = readdirSync(join(conformance, 'lora')).toSorted();

/** Files of an adapter that PEFT made. */
export function adapterFiles(name: string): Record<string, Uint8Array<ArrayBuffer>> {
  const file = (path: string): Uint8Array<ArrayBuffer> =>
    new Uint8Array(readFileSync(join(conformance, 'lora', name, path)));
  return {
    'adapter_config.json': file('adapter_config.json'),
    'adapter_model.safetensors': file('adapter_model.safetensors'),
  };
}

/** The model of a conformance case. */
export async function caseModel(name: string, device: Device | 'cpu' = 'cpu', dtype?: 'bf16'): Promise<Model> {
  return assembler.load(join(conformance, 'cases', name), { device, dtype: dtype ?? 'fp32' });
}

/** What PEFT computes: ids, logits, and gradients of the mean loss by name. */
export interface Golden {
  readonly ids: readonly (readonly number[])[];
  readonly logits: Float32Array;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** Reads what PEFT computes with an adapter. */
export async function golden(name: string): Promise<Golden> {
  const reader = await openSafetensors(
    new Uint8Array(readFileSync(join(conformance, 'lora', name, 'golden.safetensors'))),
  );
  const floats = async (key: string): Promise<Float32Array> =>
    toFloat32(await reader.read(key), reader.tensors.get(key)!.dtype);
  const gradients = new Map<string, Float32Array>();
  for (const key of reader.tensors.keys())
    if (key.startsWith('grad.')) gradients.set(key.replace('grad.base_model.model.', ''), await floats(key));
  const flat = [...(await floats('ids'))];
  const [, context] = reader.tensors.get('ids')!.shape as [number, number];
  const ids = Array.from({ length: flat.length / context }, (_, row) => flat.slice(row * context, (row + 1) * context));
  const made = { ids, logits: await floats('logits'), gradients };
  await reader.close();
  return made;
}

/** Two layers of our own, of two families. */
export const spec: ModelSpec = {
  vocabSize: 16,
  dModel: 8,
  maxPositions: 32,
  layers: [
    {
      mixer: { type: '@tessera/attention-softmax:softmax-attention', config: { heads: 2 } },
      mixerNorm: { type: '@tessera/norms:rms' },
      feedForward: { type: '@tessera/feedforward:gated', config: { hidden: 12 } },
      feedForwardNorm: { type: '@tessera/norms:rms' },
    },
    {
      mixer: { type: '@tessera/attention-linear:short-convolution', config: { kernel: 3 } },
      mixerNorm: { type: '@tessera/norms:rms' },
    },
  ],
  finalNorm: { type: '@tessera/norms:rms' },
};

/** Gives A and B some other values, the same at every run, so that there is a change. */
export async function disturb(lora: Lora): Promise<void> {
  let state = 5;
  for (const tensor of Object.values(lora.tensors)) {
    if (tensor.source.kind !== 'resident') throw new Error('An adapter has tensors on a device.');
    const values = Float32Array.from({ length: tensor.size }, () => {
      state = (state * 48_271) % 2_147_483_647;
      return (state / 2_147_483_647 - 0.5) * 0.6;
    });
    tensor.source.device.write(tensor, values);
  }
}

/** Largest difference of two lists, relative to the largest element. */
export function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new Error(`Lists of ${a.length} and ${b.length} elements.`);
  let largest = 0;
  let apart = 0;
  for (let i = 0; i < a.length; i++) {
    largest = Math.max(largest, Math.abs(b[i]!));
    apart = Math.max(apart, Number.isNaN(a[i]!) ? Infinity : Math.abs(a[i]! - b[i]!));
  }
  return apart / largest;
}
