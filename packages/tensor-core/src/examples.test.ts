import { expect, test } from 'vitest';
import { clipOnTheWayBack, descend, descendSparingly, follow, guide, memorize } from '../examples/gradient.ts';

test('a step of gradient descent', async () => {
  const { loss, w } = await descend();
  expect(loss).toBeCloseTo(2.5, 6);
  expect(w).toHaveLength(2);
  // −0.01 · 2/2 · Σ x (x · w − y)
  expect(w[0]).toBeCloseTo(0.07, 6);
  expect(w[1]).toBeCloseTo(0.1, 6);
});

test('a layer that is computed again', async () => {
  const gradient = await descendSparingly();
  expect(gradient).toHaveLength(4);
  expect(gradient.every((value) => Number.isFinite(value) && value !== 0)).toBe(true);
});

function expectNumbers(got: readonly number[], expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  got.forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 5));
}

test('an input is moved along a vector-Jacobian product', async () => {
  expectNumbers(await guide(), [0.476213, -0.976213, 0.273787]);
});

test('a gradient by hand is shortened on its way back', async () => {
  expectNumbers(await clipOnTheWayBack(), [0.6, 0.8]);
});

test('a gradient goes through a step of gradient descent', async () => {
  expectNumbers(await memorize(), [-2.88, -2.88]);
});

test('nothing flows into what is stopped', async () => {
  expectNumbers(await follow(), [4, -2, 8, -4]);
});
