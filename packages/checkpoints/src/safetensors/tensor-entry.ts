import type { SafetensorsDtype } from './dtypes.ts';

/** A tensor's name, element type and shape. */
export interface TensorDescription {
  /** Name in the checkpoint, for example `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  /** Element type in the file. */
  readonly dtype: SafetensorsDtype;
  /** Row-major shape; `[]` is a scalar. */
  readonly shape: readonly number[];
}

/** Where a tensor lies. */
export interface TensorEntry extends TensorDescription {
  /** The file that holds it. */
  readonly file: string;
  /** Where its bytes begin, counted from the start of the file. */
  readonly byteOffset: number;
  /** How many bytes it has: elements × width. */
  readonly byteLength: number;
}
