import { transpose, zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { dense, differences, randomDense, real } from './array.reference.ts';
import { l2NormalizeReference, layerNormReference, rmsNormReference } from './norm.reference.ts';
import { l2Normalize, layerNorm, rmsNorm } from './norm.ts';

const shapes = [[1], [63], [65], [3, 5], [2, 3, 65], [0, 4], [2, 0], [4, 1]];

describe('norms are those of every row', () => {
  test.each(shapes.map((shape) => [shape]))('of %j', async (shape) => {
    const [x, w, b] = [randomDense(shape, 1, -3, 3), randomDense(shape.slice(-1), 2), randomDense(shape.slice(-1), 3)];
    for (const offset of [0, 1])
      for (const eps of [1e-6, 1e-2])
        expect(
          await differences(() => [rmsNorm(real(x), real(w), { eps, offset })], [rmsNormReference(x, w, eps, offset)]),
        ).toEqual([]);
    const layer = layerNormReference(x, w, b, 1e-5);
    // In single precision (x − μ)/σ of a row of one or two equal numbers is rounding over √ε.
    expect(
      await differences(() => [layerNorm(real(x), real(w), real(b), { eps: 1e-5 })], [layer], { single: 1e-5 }),
    ).toEqual([]);
    expect(await differences(() => [l2Normalize(real(x))], [l2NormalizeReference(x, 1e-6)])).toEqual([]);
  });

  test('of a row of zeros are zeros, and of a strided input the same', async () => {
    const nothing = dense([2, 4], () => 0);
    const w = randomDense([4], 4);
    expect(
      await differences(
        () => [rmsNorm(real(nothing), real(w), { eps: 1e-6 }), l2Normalize(real(nothing))],
        [nothing, nothing],
      ),
    ).toEqual([]);
    const x = randomDense([4, 6], 5);
    const turned = dense([6, 4], (place) => x.data[(place % 4) * 6 + Math.floor(place / 4)]!);
    expect(
      await differences(
        () => [rmsNorm(transpose(real(x)), real(w), { eps: 1e-6 })],
        [rmsNormReference(turned, w, 1e-6, 0)],
      ),
    ).toEqual([]);
  });

  test('of large numbers with a small spread keep the spread', async () => {
    const x = dense([1, 64], (place) => 4096 + (place % 4));
    const [w, b] = [dense([64], () => 1), dense([64], () => 0)];
    expect(
      await differences(
        () => [layerNorm(real(x), real(w), real(b), { eps: 1e-5 })],
        [layerNormReference(x, w, b, 1e-5)],
      ),
    ).toEqual([]);
  });
});

test('a weight that does not fit is named', () => {
  const x = zeros([2, 3]);
  expect(() => rmsNorm(x, zeros([2]), { eps: 1e-6 })).toThrow('rmsNorm: the weight is [2], expected [3] for x [2, 3].');
  expect(() => layerNorm(x, zeros([3]), zeros([1, 3]), { eps: 1e-6 })).toThrow(
    'layerNorm: the weight is [1, 3], expected [3] for x [2, 3].',
  );
});
