import type { Device, Tensor } from '@tessera/tensor-core';
import { disposeTree, materialize, packHalf, unpackHalf } from '@tessera/tensor-core';
import type { ByPath } from './optimizers/update-rule.ts';

/** The elements of a float tensor as f32. One that is recorded is computed for it, and stays recorded. */
export async function readFloats(tensor: Tensor, device: Device): Promise<Float32Array> {
  if (tensor.source.kind === 'node') {
    using value = await materialize(tensor, device);
    return await readFloats(value, device);
  }
  const data = await device.read(tensor);
  if (tensor.dtype !== 'f16' && tensor.dtype !== 'bf16') return Float32Array.from(data);
  const numbers = new Float32Array(data.length);
  unpackHalf(tensor.dtype, data as Uint16Array, 0, numbers, 0, data.length);
  return numbers;
}

/**
 * Copies of weights on their device.
 * @param like - tensors by path, as whose element types they are kept. @defaultValue f32, whatever they were kept as
 */
export async function copyWeights(weights: ByPath, device: Device, like?: ByPath): Promise<Record<string, Tensor>> {
  const copies: Record<string, Tensor> = {};
  try {
    for (const [path, tensor] of Object.entries(weights)) {
      const dtype = like?.[path]!.dtype ?? 'f32';
      const values = await readFloats(tensor, device);
      const data = dtype === 'f16' || dtype === 'bf16' ? packHalf(dtype, values) : values;
      copies[path] = device.upload(data, { shape: tensor.shape, dtype });
    }
    return copies;
  } catch (error) {
    disposeTree(copies);
    throw error;
  }
}
