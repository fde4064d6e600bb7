import type { DType, TensorType } from '@tessera/tensor-core';
import { isPacked, sizeOf } from '@tessera/tensor-core';

/** Memory that a program reads or writes; a buffer is found for it when the program is made or run. */
export interface Slot {
  readonly bytes: number;
  readonly role:
    | { readonly kind: 'input'; readonly index: number }
    | { readonly kind: 'fixed'; readonly buffer: GPUBuffer }
    | { readonly kind: 'temporary' };
}

/** Bytes of a value in a buffer: booleans take four, 16-bit floats two, and every buffer is a multiple of four. */
export function bufferBytes({ dtype, shape }: TensorType): number {
  return Math.max(4, Math.ceil((sizeOf(shape) * elementBytes(dtype)) / 4) * 4);
}

/** Bytes of one element in a buffer. */
export function elementBytes(dtype: DType): number {
  return isPacked(dtype) ? 2 : 4;
}
