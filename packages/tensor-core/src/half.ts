const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** Value of the IEEE 754 half-precision number with these 16 bits. */
export function float16ToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Bits of the half-precision number nearest to `value` (ties to even; overflow gives infinity). */
export function numberToFloat16(value: number): number {
  real[0] = value;
  const x = word[0]!;
  const sign = (x >>> 16) & 0x8000;
  const magnitude = x & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00; // 65520 and above round to infinity
  if (magnitude < 0x38800000) {
    // Subnormal: the float adder rounds to even at the right place.
    real[0] = Math.abs(value) + 0.5;
    return sign | (word[0]! - 0x3f000000);
  }
  const odd = (magnitude >>> 13) & 1;
  return sign | ((magnitude - 0x38000000 + 0xfff + odd) >>> 13);
}

/** Bits of the bfloat16 number nearest to `value` (ties to even). */
export function numberToBfloat16(value: number): number {
  real[0] = value;
  const x = word[0]!;
  if ((x & 0x7fffffff) > 0x7f800000) return (x >>> 16) | 0x40;
  return (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
}

let float16Table: Float32Array | undefined;

/** Writes `count` elements of `source`, 16-bit floats, to `target` as numbers. */
export function unpackHalf(
  dtype: 'f16' | 'bf16',
  source: Uint16Array,
  sourceOffset: number,
  target: Float32Array | Float64Array,
  targetOffset: number,
  count: number,
): void {
  if (dtype === 'bf16') {
    if (target instanceof Float32Array) {
      const words = new Uint32Array(target.buffer, target.byteOffset, target.length);
      for (let i = 0; i < count; i++) words[targetOffset + i] = source[sourceOffset + i]! << 16;
      return;
    }
    for (let i = 0; i < count; i++) {
      word[0] = source[sourceOffset + i]! << 16;
      target[targetOffset + i] = real[0]!;
    }
    return;
  }
  float16Table ??= Float32Array.from({ length: 65536 }, (_, bits) => float16ToNumber(bits));
  const table = float16Table;
  for (let i = 0; i < count; i++) target[targetOffset + i] = table[source[sourceOffset + i]!]!;
}

/** Rounds numbers to 16-bit floats. */
export function packHalf(dtype: 'f16' | 'bf16', source: ArrayLike<number>): Uint16Array<ArrayBuffer> {
  const packed = new Uint16Array(source.length);
  const round = dtype === 'f16' ? numberToFloat16 : numberToBfloat16;
  for (let i = 0; i < source.length; i++) packed[i] = round(source[i]!);
  return packed;
}
