import { expect, test } from 'vitest';
import { curveData, runningMean } from './curve-data.ts';

test('the running mean begins at the first loss and follows the others', () => {
  const mean = runningMean([6, 4, 4, 4, 4, 4]);
  expect(mean[0]).toBe(6);
  expect(mean.every((value, index) => index === 0 || value < mean[index - 1]!)).toBe(true);
  expect(mean.at(-1)).toBeLessThan(4.4);
  expect(runningMean([])).toEqual([]);
});

test('a change shows in the running mean over some twenty steps', () => {
  const mean = runningMean([...Array.from({ length: 200 }, () => 5), ...Array.from({ length: 20 }, () => 3)]);
  expect(mean[199]).toBeCloseTo(5);
  expect(mean.at(-1)).toBeGreaterThan(3.5);
  expect(mean.at(-1)).toBeLessThan(4);
});

test('each step has a column, and evaluations stand at theirs', () => {
  expect(curveData([6, 5, 4], [{ step: 2, loss: 5.5 }])).toEqual([
    [1, 2, 3],
    [6, 5, 4],
    runningMean([6, 5, 4]),
    [null, 5.5, null],
  ]);
});

test('of a long training every n-th step is drawn, with the last one and all evaluations', () => {
  const losses = Array.from({ length: 1000 }, (_, index) => 1000 - index);
  const [steps, , , validation] = curveData(losses, [{ step: 503, loss: 1 }], 100);
  expect(steps.length).toBeLessThanOrEqual(102);
  expect([steps[0], steps[1], steps.at(-1)]).toEqual([1, 11, 1000]);
  expect(validation[steps.indexOf(503)]).toBe(1);
});
