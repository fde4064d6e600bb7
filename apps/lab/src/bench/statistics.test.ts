import { expect, test } from 'vitest';
import { lineThrough, ratesOf, statisticsOf } from './statistics.ts';

test('quartiles lie between the sorted values', () => {
  expect(statisticsOf([4, 1, 3, 2])).toEqual({ median: 2.5, low: 1.75, high: 3.25, min: 1, n: 4 });
  expect(statisticsOf([7])).toEqual({ median: 7, low: 7, high: 7, min: 7, n: 1 });
  expect(statisticsOf([10, 9])).toMatchObject({ median: 9.5, low: 9.25, high: 9.75 });
});

test('a slow quartile of times is a low quartile of rates', () => {
  const times = { median: 4, low: 2, high: 5, min: 1, n: 3 };
  expect(ratesOf(times, 20)).toEqual({ median: 5, low: 4, high: 10, min: 20, n: 3 });
});

test('the slope of times over dispatches is what one of them costs', () => {
  const { slope, start } = lineThrough([
    [0, 12],
    [100, 312],
    [200, 612],
  ]);
  expect(slope).toBeCloseTo(3, 12);
  expect(start).toBeCloseTo(12, 9);
});
