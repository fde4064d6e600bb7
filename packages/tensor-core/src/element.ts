import type { DType } from './dtype.ts';
import { numberToBfloat16, numberToFloat16 } from './half.ts';

/** What an array of `dtype` stores for a number: bits for the 16-bit types, 0 or 1 for `bool`. */
export function toElement(value: number, dtype: DType): number {
  switch (dtype) {
    case 'f16':
      return numberToFloat16(value);
    case 'bf16':
      return numberToBfloat16(value);
    case 'bool':
      return value === 0 ? 0 : 1;
    case 'f32':
    case 'i32':
    case 'u32':
      return value;
  }
}
