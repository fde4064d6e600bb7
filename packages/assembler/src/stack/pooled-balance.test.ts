import { read, tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { pooledBalance } from './pooled-balance.ts';

const router = (chosen: number[], scores: number[], weight: number): Parameters<typeof pooledBalance>[0][number] => ({
  chosen: tensor(chosen),
  scores: tensor(scores),
  weight,
});

test('routers that outweigh each other have less to lose together than each by itself', async () => {
  const [left, right] = [router([1, 0], [0.75, 0.25], 0.5), router([0, 1], [0.25, 0.75], 0.5)];
  // 0.5 · 2 · (0.5 · 0.5 + 0.5 · 0.5), and 0.5 · 2 · 0.75 alone.
  expect([...(await read(pooledBalance([left, right])!))]).toEqual([0.5]);
  expect([...(await read(pooledBalance([left])!))]).toEqual([0.75]);
});

test('routers of other numbers of experts or other weights are no part of it', async () => {
  const mixed = [router([1, 0], [0.75, 0.25], 0.5), router([1, 0], [1, 0], 0.25), router([1, 0, 0], [1, 0, 0], 0.5)];
  expect([...(await read(pooledBalance(mixed)!))]).toEqual([0.75 + 0.5 + 1.5]);
  expect(pooledBalance([])).toBeUndefined();
});
