import { expect, test } from 'vitest';
import { compareGradients, notInReference } from './compare-gradients.ts';
import type { ModelGradients } from './model-gradients.ts';
import type { ReferenceGradients } from './reference-gradients.ts';

const reference: ReferenceGradients = {
  loss: 2,
  tensors: new Map([
    ['a', { norm: 5, index: [1, 0], value: [4, 3] }],
    ['b', { norm: 0, index: [0], value: [0] }],
  ]),
  without: new Set(['c']),
};

function ours(tensors: Record<string, number[]>, loss = 2): ModelGradients {
  const all = { a: [3, 4], b: [0, 0], c: [0], ...tensors };
  return { loss, tensors: new Map(Object.entries(all).map(([name, values]) => [name, Float32Array.from(values)])) };
}

test('equal gradients pass, and the worst is named all the same', () => {
  expect(compareGradients(ours({}), reference)).toMatchObject({ tensors: 3, relative: 0, failing: [], pass: true });
  const near = compareGradients(ours({ a: [3, 4.0008] }), reference);
  expect(near).toMatchObject({ worst: 'a', pass: true });
  expect(near.relative).toBeCloseTo(2e-4, 6);
});

test.each([
  ['a norm', { a: [3, 4, 0.5] }, 'a'],
  ['a listed value', { a: [3.01, 3.9925] }, 'a'],
  ['what is no number', { a: [3, NaN] }, 'a'],
  ['too few values', { a: [5] }, 'a'],
  ['something where there should be nothing', { b: [0, 1e-6] }, 'b'],
  ['a tensor that is not trained', { c: [1e-9] }, 'c'],
])('%s that is not right fails', (_, tensors, worst) => {
  expect(compareGradients(ours(tensors), reference)).toMatchObject({ worst, failing: [worst], pass: false });
});

test('a tensor that we do not have fails, and NaN is worse than that', () => {
  const made = ours({ b: [NaN] });
  const lacking = { ...made, tensors: new Map([...made.tensors].filter(([name]) => name !== 'a')) };
  expect(compareGradients(lacking, reference)).toMatchObject({ worst: 'b', relative: null, failing: ['a', 'b'] });
});

test('rounding of a gradient that is none counts as nothing', () => {
  const { pass, relative } = compareGradients(ours({ b: [4e-7, -2e-7] }), reference);
  expect(pass).toBe(true);
  expect(relative).toBeLessThan(1e-3);
});

test('the loss counts', () => {
  expect(compareGradients(ours({}, 2.001), reference)).toMatchObject({ failing: [], pass: false });
  expect(compareGradients(ours({}, NaN), reference)).toMatchObject({ pass: false });
});

test('what the reference says nothing about is told', () => {
  expect(notInReference(ours({ d: [1] }), reference)).toEqual(['d']);
});
