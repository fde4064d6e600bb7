/** The 256 values of F8_E4M3 (finite-only, bias 7): no infinities, NaN at 0x7f and 0xff. */
export function f8e4m3Values(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, bits) => {
    const exponent = (bits >>> 3) & 0xf;
    const mantissa = bits & 7;
    const magnitude =
      (bits & 0x7f) === 0x7f ? NaN : exponent === 0 ? mantissa * 2 ** -9 : (8 + mantissa) * 2 ** (exponent - 10);
    return bits & 0x80 ? -magnitude : magnitude;
  });
}

/** The 256 values of F8_E5M2 (bias 15), the upper half of an f16. */
export function f8e5m2Values(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, bits) => {
    const exponent = (bits >>> 2) & 0x1f;
    const mantissa = bits & 3;
    const magnitude =
      exponent === 0x1f
        ? mantissa
          ? NaN
          : Infinity
        : exponent === 0
          ? mantissa * 2 ** -16
          : (4 + mantissa) * 2 ** (exponent - 17);
    return bits & 0x80 ? -magnitude : magnitude;
  });
}

/** The 256 values of F8_E8M0: powers of two from 2⁻¹²⁷, NaN at 0xff. */
export function f8e8m0Values(): Float32Array {
  return Float32Array.from({ length: 256 }, (_, bits) => (bits === 0xff ? NaN : 2 ** (bits - 127)));
}
