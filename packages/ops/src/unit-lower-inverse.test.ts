import { zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { Dense } from './array.reference.ts';
import { dense, differences, randomDense, real } from './array.reference.ts';
import { unitLowerInverse } from './unit-lower-inverse.ts';

/** By Gauss–Jordan elimination of [I + L | I], column by column. */
function reference({ shape, data }: Dense): Dense {
  const C = shape.at(-1)!;
  const result = dense(shape, (place) => (Math.floor(place / C) % C === place % C ? 1 : 0));
  for (let start = 0; start < data.length; start += C * C)
    for (let c = 0; c < C; c++)
      for (let r = c + 1; r < C; r++)
        for (let j = 0; j <= c; j++)
          result.data[start + r * C + j]! -= data[start + r * C + c]! * result.data[start + c * C + j]!;
  return result;
}

/** Zero on and above the diagonal. */
function lower(x: Dense): Dense {
  const C = x.shape.at(-1)!;
  return dense(x.shape, (place) => (place % C < Math.floor(place / C) % C ? x.data[place]! : 0));
}

describe('(I + L)⁻¹', () => {
  test.each([[[1, 1]], [[2, 2]], [[16, 16]], [[2, 3, 5, 5]], [[0, 4, 4]], [[3, 0, 0]]])('of %j', async (shape) => {
    const L = lower(randomDense(shape, 1));
    expect(
      await differences(() => [unitLowerInverse(real(L))], [reference(L)], { single: 1e-4, double: 1e-11 }),
    ).toEqual([]);
  });

  test('of 64 nearly parallel keys, where powers of L would cancel', async () => {
    const L = lower(dense([64, 64], () => 1));
    expect(await differences(() => [unitLowerInverse(real(L))], [reference(L)])).toEqual([]);
  });

  test('looks at nothing on and above the diagonal', async () => {
    const full = randomDense([6, 6], 2);
    expect(await differences(() => [unitLowerInverse(real(full))], [reference(lower(full))])).toEqual([]);
  });

  test('needs square matrices', () => {
    expect(() => unitLowerInverse(zeros([2, 3]))).toThrow('unitLowerInverse: [2, 3] is not square.');
    expect(() => unitLowerInverse(zeros([3]))).toThrow('unitLowerInverse: [3] is not square.');
  });
});
