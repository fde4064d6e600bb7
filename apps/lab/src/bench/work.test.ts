import { expect, test } from 'vitest';
import { errorOf } from './compare.ts';
import { somePlaces } from './kernel-case.ts';
import { boundOf, gigabytesPerSecond, teraflops } from './work.ts';

const roofs = { copy: 2000, f32: 50 };

test('the slower of memory and arithmetic bounds', () => {
  expect(boundOf({ bytes: 2e9, flops: 1e9 }, roofs)).toEqual({ microseconds: 1000, by: 'memory' });
  expect(boundOf({ bytes: 1e6, flops: 1e11 }, roofs)).toEqual({ microseconds: 2000, by: 'arithmetic' });
});

test('rates are of a second', () => {
  expect(gigabytesPerSecond(3e9, 1e6)).toBe(3);
  expect(teraflops(4e12, 1e6)).toBe(4);
});

test('an error is a part of the largest expected value, and what is no number is infinitely wrong', () => {
  const samples = [
    { index: 0, value: 1 },
    { index: 2, value: -4 },
  ];
  expect(errorOf(samples, [1.5, 100, -4])).toBe(0.125);
  expect(errorOf(samples, [NaN, 0, -4])).toBe(Infinity);
  expect(errorOf(samples, [1])).toBe(Infinity);
});

test('some places of a large array are in order, none twice, and include both ends', () => {
  const places = somePlaces(100_000, 50);
  expect(places).toHaveLength(50);
  expect([places[0], places.at(-1)]).toEqual([0, 99_999]);
  expect(new Set(places).size).toBe(50);
  expect(somePlaces(3, 50)).toEqual([0, 1, 2]);
});
