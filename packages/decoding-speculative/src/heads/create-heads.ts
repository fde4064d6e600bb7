import type { Model } from '@tessera/assembler';
import type { Tensor } from '@tessera/tensor-core';
import { disposeTree, materialize, sizeOf, unpackHalf } from '@tessera/tensor-core';
import { headShapes } from './head-output.ts';
import type { MedusaHeadsOptions } from './heads-config.ts';
import { newHeadsConfig } from './heads-config.ts';
import { MedusaHeads } from './medusa-heads.ts';

/**
 * New heads for a model, which all say what the model itself says of the next token, until they are trained.
 *
 * {@includeCode ../../examples/train-heads.ts#train}
 * @throws {@link UnsupportedOptionError} for a number of heads or blocks that is no whole one from 1
 */
export async function createMedusaHeads(model: Model, options: MedusaHeadsOptions = {}): Promise<MedusaHeads> {
  const config = newHeadsConfig(model, options);
  const { device, graph, params } = model;
  const output = config.ownOutput ? await floatsOf(params[graph.outputMatrix]!, model) : undefined;
  const tensors: Record<string, Tensor> = {};
  try {
    for (const [name, shape] of Object.entries(headShapes(config))) {
      const values = name.endsWith('.output.weight') ? Float32Array.from(output!) : new Float32Array(sizeOf(shape));
      tensors[name] = device.upload(values, { shape, dtype: 'f32' });
    }
    return new MedusaHeads({ model, config, tensors });
  } catch (error) {
    disposeTree(tensors);
    throw error;
  }
}

async function floatsOf(tensor: Tensor, { device }: Model): Promise<Float32Array> {
  using computed = tensor.source.kind === 'node' ? await materialize(tensor, device) : undefined;
  const { dtype } = tensor;
  const data = await device.read(computed ?? tensor);
  if (dtype !== 'f16' && dtype !== 'bf16') return data as Float32Array;
  const values = new Float32Array(data.length);
  unpackHalf(dtype, data as Uint16Array, 0, values, 0, data.length);
  return values;
}
