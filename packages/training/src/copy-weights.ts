import type { Device, Tensor } from '@tessera/tensor-core';
import { disposeTree, unpackHalf } from '@tessera/tensor-core';
import type { ByPath } from './optimizers/update-rule.ts';

/** The elements of a float tensor as f32. */
export async function readFloats(tensor: Tensor, device: Device): Promise<Float32Array> {
  const data = await device.read(tensor);
  if (tensor.dtype !== 'f16' && tensor.dtype !== 'bf16') return Float32Array.from(data);
  const numbers = new Float32Array(data.length);
  unpackHalf(tensor.dtype, data as Uint16Array, 0, numbers, 0, data.length);
  return numbers;
}

/** Copies of weights on their device, as f32, whatever they were kept as. */
export async function copyWeights(weights: ByPath, device: Device): Promise<Record<string, Tensor>> {
  const copies: Record<string, Tensor> = {};
  try {
    for (const [path, tensor] of Object.entries(weights))
      copies[path] = device.upload(await readFloats(tensor, device), { shape: tensor.shape, dtype: 'f32' });
    return copies;
  } catch (error) {
    disposeTree(copies);
    throw error;
  }
}
