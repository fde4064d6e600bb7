const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** Value of the IEEE 754 half-precision number with these 16 bits. */
export function float16ToNumber(bits: number): number {
  word[0] = float16ToFloat32Bits(bits);
  return real[0]!;
}

/** Bits of the half-precision number nearest to `value` (ties to even; overflow gives infinity). */
export function numberToFloat16(value: number): number {
  real[0] = value;
  return float32BitsToFloat16(word[0]!);
}

/** Bits of the bfloat16 number nearest to `value` (ties to even). */
export function numberToBfloat16(value: number): number {
  real[0] = value;
  return float32BitsToBfloat16(word[0]!);
}

/** Bits of the float32 that a half-precision number is, exactly; NaN keeps sign and payload. */
function float16ToFloat32Bits(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f80_0000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  // A subnormal is normal in f32: shift its first bit out and lower the exponent as far.
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

/** Subnormals are kept; NaN stays NaN of its sign. */
function float32BitsToFloat16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff); // quiet, with the payload's upper bits
  if (magnitude >= 0x477f_f000) return sign | 0x7c00; // 65 520, halfway to the next power of two, rounds up to it
  if (magnitude < 0x3880_0000) {
    // Below 2⁻¹⁴: units of 2⁻²⁴.
    const shift = 126 - (magnitude >>> 23);
    if (shift > 24) return sign; // below 2⁻²⁵, half a unit
    const fraction = (magnitude & 0x7f_ffff) | 0x80_0000;
    return sign | ((fraction + (1 << (shift - 1)) - 1 + ((fraction >>> shift) & 1)) >>> shift);
  }
  return sign | ((magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

function float32BitsToBfloat16(bits: number): number {
  if ((bits & 0x7fff_ffff) > 0x7f80_0000) return (bits >>> 16) | 0x40;
  return ((bits | 0) + 0x7fff + ((bits >>> 16) & 1)) >>> 16; // right modulo 2³², which keeps it in integer arithmetic
}

let float16Table: { readonly bits: Uint32Array; readonly values: Float32Array } | undefined;

function float16s(): { readonly bits: Uint32Array; readonly values: Float32Array } {
  if (float16Table === undefined) {
    const bits = Uint32Array.from({ length: 65_536 }, (_, half) => float16ToFloat32Bits(half));
    float16Table = { bits, values: new Float32Array(bits.buffer) };
  }
  return float16Table;
}

/** Writes `count` elements of `source`, 16-bit floats, to `target` as numbers. In single precision NaN keeps its bits. */
export function unpackHalf(
  dtype: 'f16' | 'bf16',
  source: Uint16Array,
  sourceOffset: number,
  target: Float32Array | Float64Array,
  targetOffset: number,
  count: number,
): void {
  if (target instanceof Float32Array) {
    // As integers: a copy of floats may change the bits of NaN.
    const words = new Uint32Array(target.buffer, target.byteOffset, target.length);
    if (dtype === 'bf16') {
      for (let i = 0; i < count; i++) words[targetOffset + i] = source[sourceOffset + i]! << 16;
    } else {
      const { bits } = float16s();
      for (let i = 0; i < count; i++) words[targetOffset + i] = bits[source[sourceOffset + i]!]!;
    }
  } else if (dtype === 'bf16') {
    for (let i = 0; i < count; i++) {
      word[0] = source[sourceOffset + i]! << 16;
      target[targetOffset + i] = real[0]!;
    }
  } else {
    const { values } = float16s();
    for (let i = 0; i < count; i++) target[targetOffset + i] = values[source[sourceOffset + i]!]!;
  }
}

/** Rounds numbers to 16-bit floats: to nearest, ties to even; overflow gives infinity, NaN stays NaN of its sign. */
export function packHalf(dtype: 'f16' | 'bf16', source: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const { buffer, byteOffset, length } = source instanceof Float32Array ? source : new Float32Array(source);
  const bits = new Uint32Array(buffer, byteOffset, length);
  const packed = new Uint16Array(length);
  // One loop a type: a loop that takes the rounding as an argument runs at half the speed once it has seen two.
  if (dtype === 'f16') for (let i = 0; i < length; i++) packed[i] = float32BitsToFloat16(bits[i]!);
  else for (let i = 0; i < length; i++) packed[i] = float32BitsToBfloat16(bits[i]!);
  return packed;
}
