import * as ops from '@tessera/ops';
import type { Op, Tensor } from '@tessera/tensor-core';
import { grad, read, square, sum, tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { attentionCases } from './attention-gradient-cases.test-support.ts';
import { expertsGradientCases } from './experts/experts-cases.test-support.ts';
import { latentAttentionCases } from './latent-attention-cases.test-support.ts';
import { linearAttentionGradientCases } from './linear-attention/linear-attention-gradient-cases.test-support.ts';
import { gradientCases } from './gradient-cases.test-support.ts';
import { nested, opsOf, wrongGradients } from './gradient-check.test-support.ts';
import { linear } from './linear.ts';

const cases = [
  ...gradientCases,
  ...attentionCases,
  ...latentAttentionCases,
  ...linearAttentionGradientCases,
  ...expertsGradientCases,
];

describe('a gradient is what differences in double precision give, by kernels, definitions and primitives alike', () => {
  test.each(cases.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    expect(await wrongGradients(one)).toEqual([]);
  });
});

describe('a gradient can be differentiated', () => {
  const small = cases.filter(({ inputs }) => inputs.reduce((total, { size }) => total + size, 0) <= 150);

  test.each(small.map((one) => [one.name, one] as const))('%s', async (_, one) => {
    expect(await wrongGradients(nested(one))).toEqual([]);
  });
});

test('every op of the package is among them', () => {
  const recorded = new Set(cases.flatMap((one) => [...opsOf(one)]));
  const known = Object.values(ops).filter((value): value is Op => typeof value === 'object' && 'infer' in value);
  expect(known.length).toBeGreaterThan(10);
  expect(known.map(({ id }) => id).filter((id) => !recorded.has(id))).toEqual([]);
});

test.each(['f16', 'bf16'] as const)(
  'a weight kept as %s has the gradient of the same numbers in single precision',
  async (dtype) => {
    const x = tensor([[1, -2, 0.5]]);
    const numbers = [
      [0.5, -1.25, 2],
      [1, 0.75, -3],
    ];
    const by = (w: Tensor): Tensor => grad((v: Tensor) => sum(square(linear(x, v))))(w);
    const kept = by(tensor(numbers, { dtype }));
    expect(kept.dtype).toBe('f32');
    expect(await read(kept)).toEqual(await read(by(tensor(numbers))));
  },
);

test('relu has no gradient at 0', async () => {
  expect([...(await read(grad((x: Tensor) => sum(ops.relu(x)))(tensor([-1, 0, 2]))))]).toEqual([0, 0, 1]);
});
