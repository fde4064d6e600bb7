import { expect, test } from 'vitest';
import { windowFor } from './window-for.ts';

test('a window is the usual one where it fits, else what the sinks leave', () => {
  expect(windowFor(512, 4)).toBe(252);
  expect(windowFor(64, 4)).toBe(60);
  expect(windowFor(4, 4)).toBe(1);
});
