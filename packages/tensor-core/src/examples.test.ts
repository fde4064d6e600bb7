import { expect, test } from 'vitest';
import { descend, descendSparingly } from '../examples/gradient.ts';

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
