import type { Device, Tensor } from '@tessera/tensor-core';
import { unpackHalf } from '@tessera/tensor-core';

/** The elements of a tensor as numbers, whatever its element type. */
export async function readNumbers(tensor: Tensor, device: Device): Promise<Float32Array> {
  const data = await device.read(tensor);
  if (data instanceof Float32Array) return data;
  if (tensor.dtype !== 'f16' && tensor.dtype !== 'bf16') return Float32Array.from(data);
  const numbers = new Float32Array(data.length);
  unpackHalf(tensor.dtype, data as Uint16Array, 0, numbers, 0, data.length);
  return numbers;
}
