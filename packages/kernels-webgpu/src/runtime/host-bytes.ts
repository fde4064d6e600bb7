import type { HostArray, TensorType } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';

/** Elements as a buffer holds them: booleans take four bytes, sixteen-bit floats fill up the last word. */
export function toBytes(data: HostArray, { dtype, shape }: TensorType): Uint8Array<ArrayBuffer> {
  if (dtype === 'bool') return new Uint8Array(Uint32Array.from(data).buffer);
  if (dtype === 'f32' && data instanceof Float64Array) return new Uint8Array(Float32Array.from(data).buffer);
  const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
  if (!isPacked(dtype) || sizeOf(shape) % 2 === 0) return bytes;
  const padded = new Uint8Array(bytes.length + 2);
  padded.set(bytes);
  return padded;
}

/** The elements of bytes that came from a buffer. */
export function fromBytes(buffer: ArrayBuffer, { dtype, shape }: TensorType): HostArray {
  const size = sizeOf(shape);
  switch (dtype) {
    case 'f32':
      return new Float32Array(buffer, 0, size);
    case 'i32':
      return new Int32Array(buffer, 0, size);
    case 'u32':
      return new Uint32Array(buffer, 0, size);
    case 'bool':
      return Uint8Array.from(new Uint32Array(buffer, 0, size));
    default:
      return new Uint16Array(buffer, 0, size);
  }
}
