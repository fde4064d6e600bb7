import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromFloat32, toFloat32 } from './convert.ts';

const every = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
const bytesOf = (array: ArrayBufferView<ArrayBuffer>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
const u16 = (bytes: Uint8Array<ArrayBuffer>): Uint16Array =>
  new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);

/** The value of a small float by its definition: sign, exponent, mantissa. */
function valueOf(bits: number, exponentBits: number, mantissaBits: number): number {
  const sign = bits >>> (exponentBits + mantissaBits) ? -1 : 1;
  const exponent = (bits >>> mantissaBits) & (2 ** exponentBits - 1);
  const mantissa = bits & (2 ** mantissaBits - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === 2 ** exponentBits - 1) return mantissa ? NaN : sign * Infinity;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (1 + mantissa / 2 ** mantissaBits) * 2 ** (exponent - bias);
}

describe.each([
  ['F16', 5, 10],
  ['BF16', 8, 7],
] as const)('%s', (dtype, exponentBits, mantissaBits) => {
  const finite = [...every]
    .filter((bits) => bits < 0x8000)
    .map((bits) => valueOf(bits, exponentBits, mantissaBits))
    .filter(Number.isFinite);
  const unit = 2 ** -mantissaBits;
  const most = finite.at(-1) as number;
  const limit = most * (1 + unit / 2 / (2 - unit)); // halfway to the next power of two

  /** Rounds by search among all values: nearest, at a tie the even one. */
  function roundBySearch(value: number): number {
    const magnitude = Math.abs(value);
    if (Number.isNaN(value) || magnitude >= limit) return Number.isNaN(value) ? NaN : Math.sign(value) * Infinity;
    let low = 0;
    let high = finite.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((finite[middle] as number) <= magnitude) low = middle;
      else high = middle;
    }
    const [below, above] = [magnitude - (finite[low] as number), (finite[high] as number) - magnitude];
    const bits = below < above || (below === above && low % 2 === 0) ? low : high;
    return (value < 0 || Object.is(value, -0) ? -1 : 1) * (finite[bits] as number);
  }

  test('all 65 536 values are read as their definition says', () => {
    for (const part of [every, every.slice(100, 200)]) {
      const values = toFloat32(bytesOf(part), dtype);
      const wrong = [...part].filter(
        (bits, index) => !Object.is(values[index], valueOf(bits, exponentBits, mantissaBits)),
      );
      expect(wrong).toEqual([]);
    }
  });

  test('all 65 536 values survive the way to float32 and back; NaN stays NaN of its sign', () => {
    const back = u16(fromFloat32(toFloat32(bytesOf(every), dtype), dtype));
    const isNaN = (bits: number): boolean => Number.isNaN(valueOf(bits, exponentBits, mantissaBits));
    const lost = [...every].filter((bits, index) => {
      const got = back[index] as number;
      return isNaN(bits) ? !isNaN(got) || got >>> 15 !== bits >>> 15 : got !== bits;
    });
    expect(lost).toEqual([]);
  });

  test('values between two, at ties and beside them, round to nearest even', () => {
    const tried: number[] = [];
    for (let index = 0; index + 1 < finite.length; index++) {
      const tie = ((finite[index] as number) + (finite[index + 1] as number)) / 2;
      tried.push(tie, -tie, nextFloat(tie, 1), nextFloat(tie, -1));
    }
    tried.push(
      limit,
      -limit,
      nextFloat(limit, -1),
      most,
      3.4028234663852886e38,
      Infinity,
      -Infinity,
      NaN,
      0,
      -0,
      2 ** -149,
      -(2 ** -149),
    );
    expect(wronglyRounded(Float32Array.from(tried))).toEqual([]);
  });

  test('any float32 rounds to nearest even', () => {
    fc.assert(
      fc.property(fc.array(fc.float(), { minLength: 100, maxLength: 100 }), (values) => {
        expect(wronglyRounded(Float32Array.from(values))).toEqual([]);
      }),
      { numRuns: 300, seed: 5 },
    );
    const many = Float32Array.from({ length: 20_000 }, (_, i) => Math.sin(i * 12.9898) * 2 ** ((i % 60) - 40));
    expect(wronglyRounded(many)).toEqual([]);
  });

  /** Values with what they became, where that is not the nearest. */
  function wronglyRounded(values: Float32Array<ArrayBuffer>): [value: number, rounded: number][] {
    const got = u16(fromFloat32(values, dtype));
    return [...values]
      .map((value, index): [number, number] => [value, valueOf(got[index] as number, exponentBits, mantissaBits)])
      .filter(([value, rounded]) => !Object.is(rounded, roundBySearch(value)));
  }
});

/** The float32 next to a value. */
function nextFloat(value: number, step: 1 | -1): number {
  const bits = new Int32Array(Float32Array.of(value).buffer);
  bits[0] = (bits[0] as number) + step;
  return new Float32Array(bits.buffer)[0] as number;
}

test('payloads of NaN survive reading and writing F32', () => {
  const bits = Uint32Array.of(0x7fc0_0001, 0xff80_0001, 0x3f80_0000);
  expect(new Uint32Array(fromFloat32(toFloat32(bytesOf(bits), 'F32'), 'F32').buffer)).toEqual(bits);
});

test('F32 that is aligned is viewed, other bytes are copied', () => {
  const bytes = bytesOf(Float32Array.of(1, 2, 3));
  expect(toFloat32(bytes, 'F32').buffer).toBe(bytes.buffer);
  const odd = new Uint8Array([0, ...bytes]).subarray(1);
  expect([...toFloat32(odd, 'F32')]).toEqual([1, 2, 3]);
  expect([...toFloat32(new Uint8Array([0, 0, 0x80, 0x3f]).subarray(1, 3), 'BF16')]).toHaveLength(1);
});

test('integers and wider floats round once to the nearest float32', () => {
  expect([...toFloat32(bytesOf(Int8Array.of(-128, 127)), 'I8')]).toEqual([-128, 127]);
  expect([...toFloat32(bytesOf(Uint16Array.of(65_535)), 'U16')]).toEqual([65_535]);
  expect([...toFloat32(bytesOf(Int16Array.of(-32_768)), 'I16')]).toEqual([-32_768]);
  expect([...toFloat32(bytesOf(Int32Array.of(-16_777_217, 16_777_219)), 'I32')]).toEqual([-16_777_216, 16_777_220]);
  expect([...toFloat32(bytesOf(Uint32Array.of(4_294_967_295)), 'U32')]).toEqual([4_294_967_296]);
  expect([...toFloat32(bytesOf(Float64Array.of(0.1, 1e300)), 'F64')]).toEqual([Math.fround(0.1), Infinity]);
  expect([...toFloat32(Uint8Array.of(0, 1, 7), 'BOOL')]).toEqual([0, 1, 1]);
  // Just above a tie of float32, by less than a double can hold: two roundings would go down.
  const above = (1n << 60n) + (1n << 36n) + 1n;
  expect([...toFloat32(bytesOf(BigInt64Array.of(above, -above, above - 1n, 5n)), 'I64')]).toEqual([
    2 ** 60 + 2 ** 37,
    -(2 ** 60) - 2 ** 37,
    2 ** 60,
    5,
  ]);
  expect([...toFloat32(bytesOf(BigUint64Array.of((1n << 64n) - 1n)), 'U64')]).toEqual([2 ** 64]);
});

test('8-bit floats are read as their definition says', () => {
  const all = Uint8Array.from({ length: 256 }, (_, bits) => bits);
  toFloat32(all, 'F8_E5M2').forEach((value, bits) => expect(value).toBe(valueOf(bits, 5, 2)));
  const e4m3 = toFloat32(all, 'F8_E4M3');
  expect([e4m3[0x7e], e4m3[0x7f], e4m3[0xff], e4m3[0x78], e4m3[0x01], e4m3[0x38], e4m3[0x80]]).toEqual([
    448,
    NaN,
    NaN,
    256,
    2 ** -9,
    1,
    -0,
  ]);
  const e8m0 = toFloat32(all, 'F8_E8M0');
  expect([e8m0[0], e8m0[127], e8m0[254], e8m0[255]]).toEqual([2 ** -127, 1, 2 ** 127, NaN]);
});

test('bytes of half an element and unknown targets are refused', () => {
  expect(() => toFloat32(new Uint8Array(3), 'BF16')).toThrow(
    'BF16: there are 3 bytes, expected a multiple of 2. Pass the bytes of whole elements.',
  );
  expect(() => fromFloat32(new Float32Array(1), 'I8' as 'F32')).toThrow(
    'dtype: got "I8", expected F32, F16, BF16 or F64',
  );
});
