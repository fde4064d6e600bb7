import { zeros } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { dense, differences, randomDense, real } from './array.reference.ts';
import { gatedRmsNorm } from './gated-rms-norm.ts';

test.each([1, 63, 65])('over %i elements: normalised, weighted, gated', async (D) => {
  const [x, w, z] = [randomDense([3, D], 1), randomDense([D], 2), randomDense([3, D], 3, -4, 4)];
  const expected = dense([3, D], (place) => {
    const row = x.data.subarray(place - (place % D), place - (place % D) + D);
    const scale = 1 / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / D + 1e-5);
    const gate = z.data[place]!;
    return (x.data[place]! * scale * w.data[place % D]! * gate) / (1 + Math.exp(-gate));
  });
  expect(await differences(() => [gatedRmsNorm(real(x), real(w), real(z), { eps: 1e-5 })], [expected])).toEqual([]);
});

test('operands that do not fit are named with what was expected', () => {
  expect(() => gatedRmsNorm(zeros([2, 4]), zeros([4]), zeros([2, 3]), { eps: 1e-5 })).toThrow(
    'gatedRmsNorm: x [2, 4], weight [4], gate [2, 3] do not fit: expected […, D], [D], […, D].',
  );
});
