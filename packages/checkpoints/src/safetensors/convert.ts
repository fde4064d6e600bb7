import { ModelFormatError, UnsupportedOptionError, packHalf, unpackHalf } from '@tessera/tensor-core';
import { dtypeBytes, type SafetensorsDtype } from './dtypes.ts';
import { f8e4m3Values, f8e5m2Values, f8e8m0Values } from './float8-values.ts';

/** Types to which float32 values can be rounded for a file. */
export type FloatDtype = 'F32' | 'F16' | 'BF16' | 'F64';

/**
 * The values of a tensor as float32. F32, F16, BF16 and the 8-bit floats are exact, wider types round to nearest, ties to
 * even; BOOL gives 0 and 1.
 *
 * @param bytes - little-endian elements; F32 bytes that are aligned are viewed, not copied
 * @throws {@link ModelFormatError} when the bytes are no whole number of elements.
 */
export function toFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: SafetensorsDtype): Float32Array<ArrayBuffer> {
  const width = dtypeBytes(dtype);
  if (bytes.length % width !== 0) {
    throw new ModelFormatError(
      `${dtype}: there are ${bytes.length} bytes, expected a multiple of ${width}. Pass the bytes of whole elements.`,
      {
        facts: { dtype, width, bytes: bytes.length },
      },
    );
  }
  const { buffer, byteOffset, length } = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  const count = length / width;
  switch (dtype) {
    case 'F32':
      return new Float32Array(buffer, byteOffset, count);
    case 'BF16':
      return fromHalf('bf16', new Uint16Array(buffer, byteOffset, count));
    case 'F16':
      return fromHalf('f16', new Uint16Array(buffer, byteOffset, count));
    case 'F64':
      return new Float32Array(new Float64Array(buffer, byteOffset, count));
    case 'I64':
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, count) as unknown as ArrayLike<number>, (value) =>
        nearest(value as unknown as bigint),
      );
    case 'U64':
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, count) as unknown as ArrayLike<number>, (value) =>
        nearest(value as unknown as bigint),
      );
    case 'I32':
      return new Float32Array(new Int32Array(buffer, byteOffset, count));
    case 'U32':
      return new Float32Array(new Uint32Array(buffer, byteOffset, count));
    case 'I16':
      return new Float32Array(new Int16Array(buffer, byteOffset, count));
    case 'U16':
      return new Float32Array(new Uint16Array(buffer, byteOffset, count));
    case 'I8':
      return new Float32Array(new Int8Array(buffer, byteOffset, count));
    case 'U8':
      return new Float32Array(new Uint8Array(buffer, byteOffset, count));
    case 'BOOL':
      return Float32Array.from(bytes, (byte) => (byte === 0 ? 0 : 1));
    case 'F8_E4M3':
      return fromTable(bytes, f8e4m3Values());
    case 'F8_E5M2':
      return fromTable(bytes, f8e5m2Values());
    case 'F8_E8M0':
      return fromTable(bytes, f8e8m0Values());
  }
}

/**
 * The bytes of float32 values in `dtype`: to nearest, ties to even; too large becomes infinity, NaN stays NaN.
 *
 * @throws {@link UnsupportedOptionError} when the dtype is none of {@link FloatDtype}.
 */
export function fromFloat32(values: Float32Array, dtype: FloatDtype): Uint8Array<ArrayBuffer> {
  switch (dtype) {
    case 'F32':
      // As integers: a copy of floats may change the bits of NaN.
      return new Uint8Array(new Uint32Array(new Uint32Array(values.buffer, values.byteOffset, values.length)).buffer);
    case 'F64':
      return new Uint8Array(new Float64Array(values).buffer);
    case 'F16':
      return new Uint8Array(packHalf('f16', values).buffer);
    case 'BF16':
      return new Uint8Array(packHalf('bf16', values).buffer);
    default:
      throw new UnsupportedOptionError(
        `dtype: got ${JSON.stringify(dtype)}, expected F32, F16, BF16 or F64. Choose one of these.`,
        { facts: { dtype } },
      );
  }
}

function fromHalf(dtype: 'f16' | 'bf16', half: Uint16Array): Float32Array<ArrayBuffer> {
  const values = new Float32Array(half.length);
  unpackHalf(dtype, half, 0, values, 0, half.length);
  return values;
}

function fromTable(bytes: Uint8Array, table: Float32Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(bytes, (byte) => table[byte] as number);
}

/**
 * A 64-bit integer as the nearest float32. `Number` alone would round twice past 2⁵³; a last bit that remembers what was cut
 * ("round to odd") makes the second rounding right.
 */
function nearest(value: bigint): number {
  const magnitude = value < 0n ? -value : value;
  if (magnitude < 1n << 53n) return Number(value);
  const kept = Number(((magnitude >> 12n) << 1n) | (magnitude & 0xfffn ? 1n : 0n)) * 2048;
  return value < 0n ? -kept : kept;
}
