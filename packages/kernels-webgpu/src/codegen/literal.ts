import type { DType } from '@tessera/tensor-core';

/** A number as WGSL writes it. */
export function literal(value: number, dtype: DType): string {
  switch (dtype) {
    case 'bool':
      return value ? 'true' : 'false';
    case 'i32':
      return value === -(2 ** 31) ? '(-2147483647i - 1i)' : `${value | 0}i`;
    case 'u32':
      return `${value >>> 0}u`;
    default: {
      // Not-a-number and infinities may not be constants; these bits only become a float at run time.
      const single = Math.fround(value);
      if (!Number.isFinite(single)) return `bitcast<f32>(${bitsOf(single)}u | runtime_zero())`;
      return Number.isInteger(single) && Math.abs(single) < 1e15 ? `${single}.0f` : `${single}f`;
    }
  }
}

function bitsOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0]!;
}
