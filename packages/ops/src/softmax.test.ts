import { read, tensor, zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { Dense } from './array.reference.ts';
import { bool, dense, differences, randomDense, real, whole } from './array.reference.ts';
import { crossEntropy, logSumExp, maskedSoftmax, softmax } from './softmax.ts';

/** e^x / Σ e^x over the chosen entries of each row; zeros where there are none. */
function softmaxReference({ shape, data }: Dense, visible: (place: number) => boolean = () => true): Dense {
  const n = shape.at(-1)!;
  return dense(shape, (place) => {
    const start = place - (place % n);
    let total = 0;
    for (let i = start; i < start + n; i++) if (visible(i)) total += Math.exp(data[i]!);
    return visible(place) ? Math.exp(data[place]!) / total : 0;
  });
}

describe('softmax', () => {
  test.each([[[1]], [[63]], [[65]], [[3, 5]], [[2, 3, 4]], [[0, 4]]])('of %j, masked and not', async (shape) => {
    const x = randomDense(shape, 1, -8, 8);
    expect(await differences(() => [softmax(real(x))], [softmaxReference(x)])).toEqual([]);
    const chosen = randomDense(shape, 2);
    const n = shape.at(-1)!;
    const mask = dense(shape, (place) => (Math.floor(place / n) === 1 ? 0 : Number(chosen.data[place]! > 0)));
    const expected = softmaxReference(x, (place) => mask.data[place] === 1);
    expect(await differences(() => [maskedSoftmax(real(x), bool(mask))], [expected])).toEqual([]);
  });

  test('neither overflows nor hides what is hidden behind NaN', async () => {
    expect([...(await read(softmax(tensor([1000, 1000, -1000]))))]).toEqual([0.5, 0.5, 0]);
    const visible = tensor([1, 0, 1, 0], { dtype: 'bool' });
    const scores = tensor([-1000, Number.NaN, -1000, Infinity]);
    expect([...(await read(maskedSoftmax(scores, visible)))]).toEqual([0.5, 0, 0.5, 0]);
    expect([...(await read(maskedSoftmax(tensor([1, 2]), zeros([2], 'bool'))))]).toEqual([0, 0]);
  });
});

describe('logSumExp and crossEntropy', () => {
  test.each([[[1]], [[65]], [[3, 5]], [[2, 3, 63]], [[0, 4]]])('of %j', async (shape) => {
    const x = randomDense(shape, 3, -8, 8);
    const n = shape.at(-1)!;
    const outer = shape.slice(0, -1);
    const totals = dense(outer, (row) => {
      let total = 0;
      for (let i = 0; i < n; i++) total += Math.exp(x.data[row * n + i]!);
      return Math.log(total);
    });
    expect(await differences(() => [logSumExp(real(x))], [totals])).toEqual([]);
    const targets = dense(outer, (row) => (row * 7 + 3) % n);
    const losses = dense(outer, (row) => totals.data[row]! - x.data[row * n + targets.data[row]!]!);
    expect(await differences(() => [crossEntropy(real(x), whole(targets))], [losses])).toEqual([]);
  });

  test('do not overflow', async () => {
    expect([...(await read(logSumExp(tensor([[1000, 1000], [-1000, -1000]]))))]).toEqual([1000, -1000].map((x) => Math.fround(x + Math.LN2))); // prettier-ignore
    expect([...(await read(crossEntropy(tensor([[5000, 0]]), tensor([1], { dtype: 'i32' }))))]).toEqual([5000]);
  });
});
