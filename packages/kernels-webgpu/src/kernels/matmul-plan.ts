import type { GpuCapabilities } from '@tessera/tensor-core';
import type { Shader } from '../codegen/shader.ts';

/** Products with their sizes, and the code that is the same for every way to compute them. */
export interface MatmulPlan {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly batches: number;
  readonly a: Operand;
  /** Right operands, of one layout. */
  readonly bs: readonly Operand[];
  /** WGSL of the first elements of all matrices, {@link Operand.start}, from `batch`. */
  readonly starts: string;
  /** WGSL that writes element `at` (u32) from the products (f32), one code each. */
  write(at: string, products: readonly string[]): string;
  /** A shader around a body; operands are bound as arrays of the given WGSL types. */
  shader(
    name: string,
    types: { readonly a: string; readonly b: string },
    rest: Omit<Shader, 'label' | 'bindings'>,
  ): Shader;
  /** What rows of the left operand are multiplied by; only of few of them. */
  readonly norm?: NormOfRows | undefined;
  readonly capabilities: GpuCapabilities;
}

/** A norm of the rows that a product reads, as code. */
interface NormOfRows {
  /** WGSL of the factor of what lies at an index of a row, in elements of the type that the left operand is bound as. */
  element(index: string): string;
  /** WGSL of the factor of a row from the sum of its squares. */
  row(squares: string): string;
}

/** One operand. Strides in elements. */
export interface Operand {
  readonly name: string;
  /** Name of its first element's index. */
  readonly start: string;
  readonly dtype: 'f32' | 'f16' | 'bf16';
  readonly row: number;
  readonly column: number;
  readonly offset: number;
  /** Strides of the leading axes are all multiples of this power of two. */
  readonly batchAlignment: number;
  /** Element at an index (WGSL). */
  read(index: string): string;
}

/** WGSL type of the words of an operand that is read element by element. */
export function wordOf({ dtype }: Operand): string {
  return dtype === 'f32' ? 'f32' : 'u32';
}
