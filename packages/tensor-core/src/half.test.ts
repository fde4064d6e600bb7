import { describe, expect, test } from 'vitest';
import { float16ToNumber, numberToBfloat16, numberToFloat16, packHalf, unpackHalf } from './half.ts';
import { numbers } from './nested.reference.ts';

/** Bits of the representable number nearest to `x`, of two equally near the even one, by looking at all. */
function nearest(table: readonly [bits: number, value: number][], x: number): number {
  let best = table[0]!;
  for (const entry of table) {
    const [near, held] = [Math.abs(entry[1] - x), Math.abs(best[1] - x)];
    if (near < held || (near === held && entry[0] % 2 === 0)) best = entry;
  }
  return best[0];
}

/** Bits of all numbers that are not NaN. */
function finite(value: (bits: number) => number): number[] {
  return Array.from({ length: 65536 }, (_, bits) => bits).filter((bits) => !Number.isNaN(value(bits)));
}

describe('float16', () => {
  test('every finite number comes back with its bits', () => {
    expect(finite(float16ToNumber).filter((bits) => numberToFloat16(float16ToNumber(bits)) !== bits)).toEqual([]);
  });

  test('rounds to the nearest, ties to even, subnormal numbers too', () => {
    const positive = Array.from({ length: 0x7c00 }, (_, bits): [number, number] => [bits, float16ToNumber(bits)]);
    const next = numbers(1);
    for (let i = 0; i < 40; i++) {
      const x = Math.fround(next() * 2 ** (Math.floor(next() * 41) - 26));
      expect([x, numberToFloat16(x)]).toEqual([x, nearest(positive, x)]);
      expect(numberToFloat16(-x)).toBe(numberToFloat16(x) | 0x8000);
    }
    expect([2 ** -25, 2 ** -25 * 1.0001, 3 * 2 ** -25, 1 + 2 ** -11, 1 + 3 * 2 ** -11].map(numberToFloat16)).toEqual([
      0, 1, 2, 0x3c00, 0x3c02,
    ]);
  });

  test('overflow gives infinity from 65520 on, NaN stays NaN, zeros keep their sign', () => {
    expect([65519, 65520, 1e9, -Infinity].map(numberToFloat16)).toEqual([0x7bff, 0x7c00, 0x7c00, 0xfc00]);
    expect([0, -0].map(numberToFloat16)).toEqual([0, 0x8000]);
    expect(float16ToNumber(numberToFloat16(Number.NaN))).toBeNaN();
  });
});

describe('bfloat16', () => {
  const value = (bits: number): number => new Float32Array(Uint32Array.of(bits << 16).buffer)[0]!;

  test('every finite number comes back with its bits', () => {
    expect(finite(value).filter((bits) => numberToBfloat16(value(bits)) !== bits)).toEqual([]);
  });

  test('rounds to the nearest, ties to even', () => {
    expect(
      [1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -1 - 2 ** -8].map((x) => value(numberToBfloat16(x))),
    ).toEqual([1, 1 + 2 ** -6, 1 + 2 ** -7, -1]);
    expect(value(numberToBfloat16(3.4e38))).toBe(Infinity);
    expect(value(numberToBfloat16(Number.NaN))).toBeNaN();
  });
});

test.each(['f16', 'bf16'] as const)(
  'packHalf and unpackHalf of %s work on parts of arrays, single and double',
  (dtype) => {
    const packed = packHalf(dtype, [0, 1, -2, 0.5, 100]);
    for (const target of [
      new Float32Array(8).fill(7),
      new Float64Array(8).fill(7),
      new Float32Array(new ArrayBuffer(48), 16, 8).fill(7),
    ]) {
      unpackHalf(dtype, packed, 1, target, 2, 3);
      expect([...target]).toEqual([7, 7, 1, -2, 0.5, 7, 7, 7]);
    }
  },
);
