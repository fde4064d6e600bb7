import type { SafetensorsDtype } from '../../safetensors/dtypes.ts';

/** A tensor as bytes, whatever its elements are: rules move elements and never convert them. */
export interface RawTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Little-endian, row-major. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Gives the tensor of a name. */
export type ReadRawTensor = (name: string) => Promise<RawTensor>;
