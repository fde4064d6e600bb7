import type { Device, Tensor } from '@tessera/tensor-core';
import { materialize, unpackHalf } from '@tessera/tensor-core';

/** The elements of a tensor as numbers, whatever its element type. One that is recorded is computed for it, and stays recorded. */
export async function readNumbers(tensor: Tensor, device: Device): Promise<Float32Array> {
  if (tensor.source.kind === 'node') {
    using value = await materialize(tensor, device);
    return await readNumbers(value, device);
  }
  const data = await device.read(tensor);
  if (data instanceof Float32Array) return data;
  if (tensor.dtype !== 'f16' && tensor.dtype !== 'bf16') return Float32Array.from(data);
  const numbers = new Float32Array(data.length);
  unpackHalf(tensor.dtype, data as Uint16Array, 0, numbers, 0, data.length);
  return numbers;
}
