import { zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { Dense } from './array.reference.ts';
import { dense, differences, get, randomDense, real } from './array.reference.ts';
import { causalConvolution } from './causal-convolution.ts';

/** y_t = Σ_j w_j x_{t − (J − 1) + j} + b */
function reference(x: Dense, w: Dense, history: Dense, b?: Dense): Dense {
  const [, T, C] = x.shape as [number, number, number];
  const J = w.shape[1]!;
  return dense(x.shape, (place) => {
    const [row, t, c] = [Math.floor(place / T / C), Math.floor(place / C) % T, place % C];
    let y = b ? b.data[c]! : 0;
    for (let j = 0; j < J; j++) {
      const from = t - J + 1 + j;
      y += get(w, c, j) * (from < 0 ? get(history, row, J - 1 + from, c) : get(x, row, from, c));
    }
    return y;
  });
}

describe('causal convolution', () => {
  test.each([1, 2, 4])('with %i taps, for any length, with a history', async (J) => {
    for (const T of [0, 1, 2, 3, 63, 65]) {
      const [x, w, history, b] = [
        randomDense([2, T, 3], 1),
        randomDense([3, J], 2),
        randomDense([2, J - 1, 3], 3),
        randomDense([3], 4),
      ];
      const build = () => [
        causalConvolution(real(x), real(w), real(history)),
        causalConvolution(real(x), real(w), real(history), real(b)),
      ];
      expect(await differences(build, [reference(x, w, history), reference(x, w, history, b)])).toEqual([]);
    }
  });

  test('in parts, each with what came before, is the whole', async () => {
    const [x, w] = [randomDense([1, 7, 2], 5), randomDense([2, 4], 6)];
    const start = dense([1, 3, 2], () => 0);
    const whole = reference(x, w, start);
    const later = dense([1, 3, 2], (place) => x.data[8 + place]!);
    const history = dense([1, 3, 2], (place) => x.data[2 + place]!);
    const expected = dense([1, 3, 2], (place) => whole.data[8 + place]!);
    expect(await differences(() => [causalConvolution(real(later), real(w), real(history))], [expected])).toEqual([]);
  });

  test('names operands that do not fit', () => {
    const [x, w, history] = [zeros([2, 5, 3]), zeros([3, 4]), zeros([2, 3, 3])];
    expect(causalConvolution(x, w, history).shape).toEqual([2, 5, 3]);
    expect(() => causalConvolution(x, w, zeros([1, 3, 3]))).toThrow(
      'causalConvolution: x [2, 5, 3], weight [3, 4], history [1, 3, 3] do not fit: expected [B, T, C], [C, J], [B, J − 1, C] with J from 1.',
    );
    expect(() => causalConvolution(x, w, history, zeros([4]))).toThrow(
      'bias [4] do not fit: expected [B, T, C], [C, J], [B, J − 1, C], [C] with J from 1.',
    );
    expect(() => causalConvolution(x, zeros([3, 0]), zeros([2, 0, 3]))).toThrow('with J from 1');
  });
});
