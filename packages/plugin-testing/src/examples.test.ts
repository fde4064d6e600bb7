import { describe, expect, test } from 'vitest';
import { checkLeakyAverage, testLeakyAverage } from '../examples/check-a-mixer.ts';
import { checkLinkedLayers } from '../examples/check-linked-layers.ts';

describe('the example of a test file', () => {
  testLeakyAverage(test);
});

test('the example without a test runner runs', async () => {
  expect(await checkLeakyAverage()).toBeGreaterThan(20);
});

test('the example of linked layers runs', async () => {
  expect(await checkLinkedLayers()).toBeGreaterThan(20);
});
