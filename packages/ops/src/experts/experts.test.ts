import { CpuDevice, fromHost, read, tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import type { Dense } from '../array.reference.ts';
import { dense, differences, get, randomDense, real, whole } from '../array.reference.ts';
import { choices } from './experts-cases.test-support.ts';
import { expertLinear } from './expert-linear.ts';
import { gatedExperts } from './gated-experts.ts';
import { gatedExpertsReference } from './gated-experts.reference.ts';
import { groupByExpert } from './group-by-expert.ts';
import { groupedLinear, groupedOuter } from './grouped-products.ts';
import { topK } from './top-k.ts';

const E = 6;

describe.each(choices)('%s', (_, rule) => {
  test.each([0, 1, 16, 63, 65])('gated experts of %i tokens are a loop over tokens and experts', async (n) => {
    const [k, D, F] = [2, 5, 3];
    const call = {
      x: randomDense([n, D], 1),
      experts: dense([n, k], (place) => rule(Math.floor(place / k), place % k, E)),
      weights: randomDense([n, k], 2),
      gate: randomDense([E, F, D], 3),
      up: randomDense([E, F, D], 4),
      down: randomDense([E, D, F], 5),
    };
    const build = (): ReturnType<typeof gatedExperts>[] => [
      gatedExperts({
        x: real(call.x),
        experts: whole(call.experts),
        weights: real(call.weights),
        gate: real(call.gate),
        up: real(call.up),
        down: real(call.down),
        activation: 'silu',
      }),
    ];
    expect(await differences(build, [gatedExpertsReference(call)])).toEqual([]);
  });

  test.each([0, 1, 63, 65])('%i rows are grouped by expert in order', async (P) => {
    const experts = Array.from({ length: P }, (__, p) => rule(p, 0, E));
    const order = experts.map((e, p) => [e, p] as const).toSorted(([a], [b]) => a - b).map(([, p]) => p); // prettier-ignore
    const places = order.map((__, p) => order.indexOf(p));
    const offsets = Array.from({ length: E + 1 }, (__, e) => experts.filter((one) => one < e).length);
    const as = (values: number[]): Dense => dense([values.length], (place) => values[place]!);
    const build = (): ReturnType<typeof topK>[] => Object.values(groupByExpert(fromHost(Int32Array.from(experts), [P]), E)); // prettier-ignore
    expect(await differences(build, [order, places, offsets].map(as))).toEqual([]);
  });
});

test('a weight gradient of an expert without rows is zeros, whatever was in memory', async () => {
  const offsets = fromHost(Int32Array.of(0, 0, 2, 2), [4]);
  const made = groupedOuter(tensor([[1], [2]]), tensor([[3, 4], [5, 6]]), offsets); // prettier-ignore
  expect([...(await read(made, new CpuDevice({ poison: true })))]).toEqual([0, 0, 13, 16, 0, 0]);
});

test('the largest come first, and of equal ones that with the lowest index', async () => {
  const x = tensor([
    [1, 3, 3, 2, 3],
    [0, -1, 0, 0, -1],
  ]);
  expect([...(await read(topK(x, 3)))]).toEqual([1, 2, 4, 0, 2, 3]);
  const negative = dense([1, 9], (place) => -1e30 * (place % 3));
  expect([...(await read(topK(real(negative), 4)))]).toEqual([0, 3, 6, 1]);
});

test.each(['f16', 'bf16'] as const)('weights kept as %s are read as the numbers that they are', async (dtype) => {
  const numbers = dense([3, 2, 5], (place) => ((place * 7) % 11) / 4 - 1);
  const nested = [0, 1, 2].map((e) => [0, 1].map((n) => [0, 1, 2, 3, 4].map((k) => get(numbers, e, n, k))));
  const [packed, plain] = [tensor(nested, { dtype }), real(numbers)];
  const x = real(randomDense([4, 5], 1));
  const a = real(randomDense([4, 2], 2));
  const offsets = fromHost(Int32Array.of(0, 1, 1, 4), [4]);
  const experts = fromHost(Int32Array.of(0, 2, 2, 2), [4]);
  for (const device of [new CpuDevice(), new CpuDevice({ definitionsOnly: true })]) {
    expect(await read(groupedLinear(x, packed, offsets), device)).toEqual(await read(groupedLinear(x, plain, offsets), device)); // prettier-ignore
    expect(await read(expertLinear(x, packed, experts), device)).toEqual(await read(expertLinear(x, plain, experts), device)); // prettier-ignore
    const turned = { transposed: true };
    expect(await read(groupedLinear(a, packed, offsets, turned), device)).toEqual(await read(groupedLinear(a, plain, offsets, turned), device)); // prettier-ignore
  }
});

test('what does not fit is refused with the shapes', () => {
  const x = real(dense([4, 5], () => 1));
  const W = real(dense([3, 2, 4], () => 1));
  const offsets = fromHost(Int32Array.of(0, 1, 2, 4), [4]);
  expect(() => groupedLinear(x, W, offsets)).toThrow(/groupedLinear: x f32\[4, 5\], weight f32\[3, 2, 4\]/);
  expect(() => expertLinear(x, W, offsets)).toThrow(/expertLinear: x f32\[4, 5\], weight f32\[3, 2, 4\]/);
  expect(() => topK(x, 6)).toThrow('topK: k is 6 for f32[4, 5], expected f32 and k from 1 up to 5.');
});
