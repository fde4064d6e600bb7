/** Bits of a float32 rounded to bits of an f16: to nearest, ties to even; past 65 519 infinity, subnormals kept, NaN stays NaN. */
export function f32BitsToF16(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff); // quiet, with the payload's upper bits
  if (magnitude >= 0x477f_f000) return sign | 0x7c00; // 65 520, halfway to the next power of two, rounds up to it
  if (magnitude < 0x3880_0000) {
    // Below 2⁻¹⁴: units of 2⁻²⁴.
    const shift = 126 - (magnitude >>> 23);
    if (shift > 24) return sign; // below 2⁻²⁵, half a unit
    const mantissa = (magnitude & 0x7f_ffff) | 0x80_0000;
    return sign | ((mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift);
  }
  return sign | ((magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** Bits of a float32 rounded to bits of a bf16: to nearest, ties to even; NaN stays NaN. */
export function f32BitsToBf16(bits: number): number {
  if ((bits & 0x7fff_ffff) > 0x7f80_0000) return (bits >>> 16) | 0x40;
  return ((bits | 0) + 0x7fff + ((bits >>> 16) & 1)) >>> 16; // right modulo 2^32, which keeps it in integer arithmetic
}

/** Bits of the float32 that an f16 is, exactly. */
export function f16BitsToF32(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f80_0000 | (mantissa << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (mantissa << 13)) >>> 0;
  if (mantissa === 0) return sign >>> 0;
  // A subnormal is normal in f32: shift its first bit out and lower the exponent as far.
  const shift = Math.clz32(mantissa) - 21;
  return (sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13)) >>> 0;
}
