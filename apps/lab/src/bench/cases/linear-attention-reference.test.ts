import { expect, test } from 'vitest';
import { filler } from '../filler.ts';
import { headGradient, headOutput, sequenceSamples } from './linear-attention-reference.ts';
import type { LinearShape } from './linear-attention-reference.ts';

const shape: LinearShape = { mechanism: 'KDA', T: 5000, H: 2, K: 4, V: 3 };
const { T, H, K, V } = shape;
const types = [
  [T, H, K],
  [T, H, K],
  [T, H, V],
  [H, K, V],
  [T, H, K],
  [T, H],
  [T, H, V],
].map((sizes) => ({
  shape: sizes,
  dtype: 'f32' as const,
}));
const data = types.map((type, index) => {
  if (index === 4) return filler(type, index, 0.1, (draw) => -Math.abs(draw));
  if (index === 5) return filler(type, index, 3, (draw) => 1 / (1 + Math.exp(-draw)));
  return filler(type, index, 0.8);
});

test.each([
  ['outputs', headOutput],
  ['gradients', headGradient],
] as const)('%s of a part of a long sequence are those of the whole', (_, ofHead) => {
  const whole = ofHead(shape, data, 1);
  for (const first of [0, 2500, T - 64]) {
    const part = ofHead(shape, data, 1, { first, end: first + 64 });
    for (let at = first * V; at < (first + 64) * V; at++) expect(part[at]).toBeCloseTo(whole[at]!, 12);
  }
});

test('a long sequence is compared at its ends and in its middle, in its first and its last head', () => {
  const places = sequenceSamples(shape, () => new Float64Array(T * V)).map(({ index }) => index);
  const entries = new Set(places.map((index) => Math.floor(index / (H * V))));
  for (const entry of [0, 63, 2500, T - 64, T - 1]) expect(entries).toContain(entry);
  expect(Math.max(...places)).toBe(T * H * V - 1);
  expect(new Set(places.map((index) => Math.floor(index / V) % H))).toEqual(new Set([0, 1]));
});
