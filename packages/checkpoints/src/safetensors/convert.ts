import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import { dtypeBytes, type SafetensorsDtype } from './dtypes.ts';
import { f8e4m3Values, f8e5m2Values, f8e8m0Values } from './float8-values.ts';
import { f16BitsToF32, f32BitsToBf16, f32BitsToF16 } from './half-bits.ts';

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
      return fromBf16(new Uint16Array(buffer, byteOffset, count));
    case 'F16':
      return fromF16(new Uint16Array(buffer, byteOffset, count));
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
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  switch (dtype) {
    case 'F32':
      return new Uint8Array(new Uint32Array(bits).buffer); // as integers: a copy of floats may change the bits of NaN
    case 'F64':
      return new Uint8Array(new Float64Array(values).buffer);
    case 'F16':
      return toF16(bits);
    case 'BF16':
      return toBf16(bits);
    default:
      throw new UnsupportedOptionError(
        `dtype: got ${JSON.stringify(dtype)}, expected F32, F16, BF16 or F64. Choose one of these.`,
        { facts: { dtype } },
      );
  }
}

// One loop a type: a loop that takes the conversion as an argument runs at half the speed once it has seen two.

function toF16(bits: Uint32Array): Uint8Array<ArrayBuffer> {
  const half = new Uint16Array(bits.length);
  for (let index = 0; index < bits.length; index++) half[index] = f32BitsToF16(bits[index] as number);
  return new Uint8Array(half.buffer);
}

function toBf16(bits: Uint32Array): Uint8Array<ArrayBuffer> {
  const half = new Uint16Array(bits.length);
  for (let index = 0; index < bits.length; index++) half[index] = f32BitsToBf16(bits[index] as number);
  return new Uint8Array(half.buffer);
}

function fromBf16(half: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(half.length);
  for (let index = 0; index < half.length; index++) bits[index] = (half[index] as number) << 16;
  return new Float32Array(bits.buffer);
}

let f16Table: Uint32Array | undefined;

function fromF16(half: Uint16Array): Float32Array<ArrayBuffer> {
  const table = (f16Table ??= Uint32Array.from({ length: 65_536 }, (_, bits) => f16BitsToF32(bits)));
  const bits = new Uint32Array(half.length);
  for (let index = 0; index < half.length; index++) bits[index] = table[half[index] as number] as number;
  return new Float32Array(bits.buffer);
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
