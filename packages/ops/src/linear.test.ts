import { cast } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { activations } from './activation.ts';
import { dense, differences, get, randomDense, real } from './array.reference.ts';
import type { Dense } from './array.reference.ts';
import { gatedFeedForward } from './gated-feed-forward.ts';
import { linear } from './linear.ts';

function linearReference(x: Dense, w: Dense, b?: Dense): Dense {
  const [out, inner] = w.shape as [number, number];
  return dense([...x.shape.slice(0, -1), out], (place) => {
    let y = b ? b.data[place % out]! : 0;
    for (let i = 0; i < inner; i++) y += x.data[Math.floor(place / out) * inner + i]! * get(w, place % out, i);
    return y;
  });
}

test.each([
  [[1, 1], 1],
  [[3, 65], 63],
  [[2, 3, 4], 5],
  [[0, 4], 3],
])('linear of %j to %i', async (shape, out) => {
  // prettier-ignore
  const [x, w, b] = [randomDense(shape, 1), randomDense([out, shape.at(-1)!], 2), randomDense([out], 3)];
  expect(
    await differences(
      () => [linear(real(x), real(w)), linear(real(x), real(w), real(b))],
      [linearReference(x, w), linearReference(x, w, b)],
    ),
  ).toEqual([]);
});

test('linear by a weight in 16 bits', async () => {
  const x = randomDense([3, 8], 4);
  const w = dense([5, 8], (place) => ((place * 37) % 19) / 4 - 2);
  for (const dtype of ['f16', 'bf16'] as const)
    expect(await differences(() => [linear(real(x), cast(real(w), dtype))], [linearReference(x, w)])).toEqual([]);
});

test('a gated feed-forward is (act(x W_gᵀ) ⊙ x W_uᵀ) W_dᵀ, with and without biases', async () => {
  const x = randomDense([2, 3, 5], 5);
  const [gate, up, down] = [randomDense([7, 5], 6), randomDense([7, 5], 7), randomDense([5, 7], 8)];
  const [gateBias, upBias, downBias] = [randomDense([7], 9), randomDense([7], 10), randomDense([5], 11)];
  const reference = (biases: boolean): Dense => {
    const g = linearReference(x, gate, biases ? gateBias : undefined);
    const u = linearReference(x, up, biases ? upBias : undefined);
    const hidden = dense(g.shape, (place) => (g.data[place]! / (1 + Math.exp(-g.data[place]!))) * u.data[place]!);
    return linearReference(hidden, down, biases ? downBias : undefined);
  };
  const weights = () => ({ gate: real(gate), up: real(up), down: real(down) });
  const build = () => [
    gatedFeedForward(real(x), weights(), 'silu'),
    gatedFeedForward(
      real(x),
      { ...weights(), gateBias: real(gateBias), upBias: real(upBias), downBias: real(downBias) },
      'silu',
    ),
  ];
  expect(await differences(build, [reference(false), reference(true)])).toEqual([]);
  expect(Object.keys(activations)).toContain('silu');
});
