import { expect, test } from 'vitest';
import { difference, within } from './difference.ts';

test('the largest difference is set against the largest reference', () => {
  expect(difference([1, -2, 3.5], [1, -4, 3])).toEqual({ maxAbsDiff: 2, maxAbsReference: 4, relative: 0.5 });
  expect(within(difference([1.0001], [1]), 2e-4)).toBe(true);
  expect(within(difference([1.001], [1]), 2e-4)).toBe(false);
});

test('a NaN is never within a tolerance, also before and after larger differences', () => {
  for (const ours of [
    [NaN, 5],
    [5, NaN],
    [1, NaN],
  ])
    expect(within(difference(ours, [1, 1]), 1000)).toBe(false);
  expect(within(difference([1, 1], [1, NaN]), 1000)).toBe(false);
});

test('an infinity is only equal to itself', () => {
  expect(within(difference([-Infinity, 1], [-Infinity, 1]), 2e-4)).toBe(true);
  expect(within(difference([-1, 1], [-Infinity, 1]), 2e-4)).toBe(false);
});

test('missing numbers do not pass', () => {
  expect(within(difference([1], [1, 2]), 2e-4)).toBe(false);
});
