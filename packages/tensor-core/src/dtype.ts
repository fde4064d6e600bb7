/**
 * Element types. `f32`, `i32`, `u32` and `bool` are computed with; `f16` and `bf16` are storage only (packed two to a
 * `u32` on a GPU, a `Uint16Array` on the host) and are read by `cast`, `gather` and as the right operand of `matmul`.
 */
export type DType = 'f32' | 'i32' | 'u32' | 'bool' | 'f16' | 'bf16';

/** Host arrays by element type. An `f32` tensor may hold doubles: constants keep them for the float64 oracle. */
export type HostArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array | Uint16Array;

/** Bytes of one element as stored on a device. */
export function bytesPerElement(dtype: DType): number {
  return dtype === 'f16' || dtype === 'bf16' ? 2 : dtype === 'bool' ? 1 : 4;
}

/** True for the element types that stand for real numbers. */
export function isFloat(dtype: DType): boolean {
  return dtype === 'f32' || dtype === 'f16' || dtype === 'bf16';
}

/** True for the 16-bit storage types. */
export function isPacked(dtype: DType): boolean {
  return dtype === 'f16' || dtype === 'bf16';
}

/** Allocates a host array for `length` elements; `wide` stores `f32` as doubles. */
export function allocateHost(dtype: DType, length: number, wide = false): HostArray {
  switch (dtype) {
    case 'f32':
      return wide ? new Float64Array(length) : new Float32Array(length);
    case 'i32':
      return new Int32Array(length);
    case 'u32':
      return new Uint32Array(length);
    case 'bool':
      return new Uint8Array(length);
    case 'f16':
    case 'bf16':
      return new Uint16Array(length);
  }
}
