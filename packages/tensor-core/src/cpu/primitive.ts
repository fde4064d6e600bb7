import type { Attributes, TensorType } from '../op.ts';
import type { CpuArray, CpuPool } from './array.ts';
import type { SimdProducts } from './simd-products.ts';

/** What a primitive is given on the CPU. */
interface CpuCall<A> {
  readonly inputs: readonly CpuArray[];
  readonly types: readonly TensorType[];
  readonly attributes: A;
  readonly pool: CpuPool;
  /** True for inputs that nothing else reads: their storage may be overwritten. */
  readonly dying: readonly boolean[];
  /** Present when products of matrices may go four numbers at a time, in single precision. */
  readonly simd: SimdProducts | undefined;
}

/** Computes one primitive. A result that views an input counts as one more reference to its storage. */
export type CpuPrimitive<A extends Attributes = never> = (call: CpuCall<A>) => readonly CpuArray[];
