import { expect, test } from 'vitest';
import { isSoftware } from './adapter.ts';

test.each([
  ['SwiftShader driver 5.0.0', undefined],
  ['', 'llvmpipe (LLVM 15.0.7, 256 bits)'],
  ['Microsoft Basic Render Driver', 'microsoft'],
])('%s %s is a software adapter', (...names) => {
  expect(isSoftware(...names)).toBe(true);
});

test('GPUs are none', () => {
  expect(isSoftware('NVIDIA H100 80GB HBM3', 'nvidia', 'hopper', '')).toBe(false);
  expect(isSoftware('Apple M3', 'apple', undefined)).toBe(false);
});
