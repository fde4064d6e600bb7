import { fromHost, grad, mul, sum } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { Layer, normals } from '../grouped/grouped-layer.test-support.ts';
import { scaledPositions } from '../scaled-positions/scaled-positions.ts';
import { gatedAttentionUnit } from './gated-attention-unit.ts';
import { unitReference } from './gated-attention-unit.reference.ts';
import type { UnitForm } from './gated-attention-unit.reference.ts';
import { bucketOf } from './relative-buckets.ts';
import { wholeGatedAttentionUnit } from './whole-gated-attention-unit.ts';

const [D, K, E, w, J] = [5, 4, 6, 4, 3];
const sizes = { keyDim: K, valueDim: E, convolution: J };

async function difference(layer: Layer, T: number, form: UnitForm): Promise<number> {
  const x = await normals(T, [T * D]);
  const params = Object.fromEntries(
    await Promise.all(
      Object.entries(layer.params).map(async ([name, value]) => [name, await layer.read(value)] as const),
    ),
  );
  const rows = Array.from({ length: T }, (_, t) => [...x.subarray(t * D, (t + 1) * D)]);
  const expected = unitReference(rows, params, { D, K, E, w, J }, form).flat();
  const actual = await layer.forward(x);
  return Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!) / (1 + Math.abs(value))));
}

describe('units give what the sums of the official code give', () => {
  test.each([true, false])('groups, each and the ones before, shifted tokens: %s', async (shift) => {
    const layer = await Layer.draw(gatedAttentionUnit, { ...sizes, group: w, shiftTokens: shift }, D);
    for (const T of [1, w - 1, w, w + 1, 3 * w + 2])
      expect(await difference(layer, T, { causal: true, shift })).toBeLessThan(1e-10);
  });

  test.each([
    ['a softmax, causal', { form: 'softmax', causal: true } as const, { quadratic: 'softmax', causal: true } as const],
    ['a softmax', { form: 'softmax' } as const, { quadratic: 'softmax', causal: false } as const],
    ['squares, causal', { form: 'square', causal: true } as const, { quadratic: 'square', causal: true } as const],
    ['squares', { form: 'square' } as const, { quadratic: 'square', causal: false } as const],
    ['groups in both directions', { form: 'grouped', group: w } as const, { causal: false } as const],
  ])('%s', async (_, config, form) => {
    const layer = await Layer.draw(wholeGatedAttentionUnit, { ...sizes, ...config, shiftTokens: true }, D);
    for (const T of [1, 3, 2 * w + 1, 40])
      expect(await difference(layer, T, { ...form, shift: true })).toBeLessThan(1e-9);
  });
});

test('distances have the buckets of T5', () => {
  const published = { buckets: 32, maxDistance: 128 };
  expect([-3, 0, 1, 15, 16, 17, 20, 31, 32, 64, 127, 128, 500].map((n) => bucketOf(n, published))).toEqual([
    0, 0, 1, 15, 16, 16, 17, 21, 21, 26, 31, 31, 31,
  ]);
  expect([-128, -16, -8, -1, 0, 1, 7, 8, 16, 32, 64, 200].map((n) => bucketOf(n, published, true))).toEqual([
    31, 26, 24, 17, 0, 1, 7, 8, 10, 12, 14, 15,
  ]);
});

test('gradients of a unit are what differences in double precision give', async () => {
  const layer = await Layer.draw(gatedAttentionUnit, { ...sizes, group: w, shiftTokens: true, castling: true }, D);
  const T = 2 * w + 3;
  const inputs: Record<string, Tensor> = { x: fromHost(await normals(41, [T * D]), [1, T, D]), ...layer.params };
  const weights = fromHost(await normals(42, [T * D]), [1, T, D]);
  const loss = ({ x, ...params }: Record<string, Tensor>): Tensor => sum(mul(layer.record(x!, params), weights));
  const wrong: string[] = [];
  for (const [index, [name, value]] of Object.entries(inputs).entries()) {
    const [direction, numbers] = [await normals(50 + index, [value.size]), await layer.read(value)];
    const at = async (h: number): Promise<number> => {
      const moved = fromHost(
        numbers.map((number, i) => number + h * direction[i]!),
        value.shape,
      );
      return (await layer.read(loss({ ...inputs, [name]: moved })))[0]!;
    };
    const dx = await layer.read(grad((z: Tensor) => loss({ ...inputs, [name]: z }))(value));
    const got = dx.reduce((total, each, i) => total + each * direction[i]!, 0);
    const expected = ((await at(1e-5)) - (await at(-1e-5))) / 2e-5;
    const off = Math.abs(got - expected) / (1 + Math.abs(expected));
    if (!(off < 1e-5)) wrong.push(`${name}: ${got}, differences give ${expected}`);
  }
  expect(wrong).toEqual([]);
});

test('scaled positions are sines, then cosines, whatever is read', async () => {
  const layer = await Layer.draw(scaledPositions, {}, 4);
  const [scale] = await layer.read(layer.params['scale']!);
  const y = await layer.forward(await normals(1, [3 * 4]));
  const expected = [0, 1, 2].flatMap((t) => [Math.sin(t), Math.sin(t / 100), Math.cos(t), Math.cos(t / 100)]);
  expect(Math.max(...expected.map((value, i) => Math.abs(scale! * value - y[i]!)))).toBeLessThan(1e-12);
  expect(() => scaledPositions.params({ config: { theta: 10_000 }, dModel: 5, layer: 0, layers: 1 })).toThrow(
    'scaled-positions: dModel is 5, expected an even number, since half of the elements are sines. Set 6.',
  );
});
