import { zeros } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import type { Dense } from './array.reference.ts';
import { dense, differences, get, randomDense, real, whole } from './array.reference.ts';
import { shortConvolutions } from './short-convolutions.ts';

const silu = (x: number): number => x / (1 + Math.exp(-x));

interface Reference {
  readonly x: readonly Dense[];
  readonly weight: Dense;
  readonly history: Dense;
  readonly lengths: Dense;
  readonly heads: readonly number[];
}

/** Element by element: y_t = silu(Σ_j w_j x_{t − (J − 1) + j}), the first stream's heads divided by their lengths, times 3. */
function reference({ x, weight, history, lengths, heads }: Reference): Dense[] {
  const [B, T] = x[0]!.shape as [number, number];
  const J = weight.shape[1]!;
  let first = 0;
  const next = dense(history.shape, () => 0);
  const outputs = x.map((stream, index) => {
    const channels = stream.shape[2]!;
    const own = first;
    const entry = (b: number, t: number, c: number): number =>
      t < 0 ? get(history, b, J - 1 + t, own + c) : t < lengths.data[b]! ? get(stream, b, t, c) : 0;
    const convolved = dense(stream.shape, (place) => {
      const [b, t, c] = [Math.floor(place / channels / T), Math.floor(place / channels) % T, place % channels];
      let sum = 0;
      for (let j = 0; j < J; j++) sum += get(weight, own + c, j) * entry(b, t - J + 1 + j, c);
      return silu(sum);
    });
    for (let b = 0; b < B; b++)
      for (let r = 0; r < J - 1; r++)
        for (let c = 0; c < channels; c++)
          next.data[(b * (J - 1) + r) * history.shape[2]! + own + c] = entry(b, lengths.data[b]! - J + 1 + r, c);
    first += channels;
    const size = channels / heads[index]!;
    return dense([B, T, heads[index]!, size], (place) => {
      const head = place - (place % size);
      const length = Math.sqrt(convolved.data.subarray(head, head + size).reduce((sum, v) => sum + v * v, 1e-6));
      return index === 0 ? (3 * convolved.data[place]!) / length : convolved.data[place]!;
    });
  });
  return [...outputs, next];
}

test.each([
  [1, 4],
  [5, 4],
  [5, 1],
  [2, 6],
])('%i entries with %i taps are convolved, activated and normalised, and leave their history', async (T, J) => {
  const x = [randomDense([3, T, 6], 1), randomDense([3, T, 4], 2)];
  const given = {
    x,
    weight: randomDense([10, J], 3),
    history: randomDense([3, J - 1, 10], 4),
    lengths: dense([3], (b) => Math.max(0, T - b)),
    heads: [3, 2],
  };
  const build = () => {
    const { y, history } = shortConvolutions({
      x: x.map(real),
      weight: real(given.weight),
      history: real(given.history),
      lengths: whole(given.lengths),
      activation: 'silu',
      streams: [{ heads: 3, normalize: { scale: 3, eps: 1e-6 } }, { heads: 2 }],
    });
    return [...y, history];
  };
  expect(await differences(build, reference(given))).toEqual([]);
});

test('operands that do not fit are named with what was expected', () => {
  const call = {
    x: [zeros([2, 5, 6]), zeros([2, 5, 4])],
    weight: zeros([10, 4]),
    history: zeros([2, 3, 10]),
    lengths: zeros([2], 'i32'),
    activation: 'silu',
    streams: [{ heads: 3 }, { heads: 1 }],
  } as const;
  expect(shortConvolutions(call).y.map(({ shape }) => shape)).toEqual([
    [2, 5, 3, 2],
    [2, 5, 1, 4],
  ]);
  expect(() => shortConvolutions({ ...call, streams: [{ heads: 4 }, { heads: 1 }] })).toThrow(
    'shortConvolutions: weight [10, 4], history [2, 3, 10], lengths i32[2], x [2, 5, 6], [2, 5, 4] in 4, 1 heads do not fit: ' +
      'expected [C, J], [B, J − 1, C], i32[B], and [B, T, channels] for each stream, channels a multiple of its heads, C channels in all, J from 1.',
  );
});
