import { read } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { ancestors } from './ancestors.ts';
import type { Dense } from './array.reference.ts';
import { dense, randomDense, whole } from './array.reference.ts';

/** Walks from each node to its root. */
function reference({ shape, data }: Dense): number[] {
  const [B, n] = shape as [number, number];
  const made = new Array<number>(B * n * n).fill(0);
  for (let b = 0; b < B; b++)
    for (let i = 0; i < n; i++) for (let j = i; j >= 0; j = data[b * n + j]!) made[(b * n + i) * n + j] = 1;
  return made;
}

test.each([0, 1, 2, 3, 5, 17, 63, 65])('ancestors in random forests, chains and stars of %i nodes', async (n) => {
  const random = randomDense([3, n], n, 0, 1);
  const forests = [
    dense([3, n], (place) => Math.floor(random.data[place]! * ((place % n) + 1)) - 1),
    dense([1, n], (place) => place - 1),
    dense([1, n], (place) => (place === 0 ? -1 : 0)),
    dense([1, n], () => -1),
  ];
  for (const parents of forests) {
    const made = ancestors(whole(parents));
    expect(made.dtype).toBe('bool');
    expect([...(await read(made))]).toEqual(reference(parents));
  }
});
