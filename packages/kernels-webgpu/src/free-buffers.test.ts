import { expect, test } from 'vitest';
import { FreeBuffers } from './runtime/free-buffers.ts';
import type { KnownBuffer } from './runtime/free-buffers.ts';

const made = (number: number, size = 256): KnownBuffer => ({ buffer: {} as GPUBuffer, size, number });
const numbersOf = (taken: readonly (KnownBuffer | undefined)[]): (number | undefined)[] =>
  taken.map((known) => known?.number);

test('the one that was made first is taken first, in whatever order they came back', () => {
  const all = [0, 1, 2, 3, 4, 5, 6].map((number) => made(number));
  for (const order of [all, all.toReversed(), [3, 6, 0, 5, 1, 4, 2].map((index) => all[index]!)]) {
    const free = new FreeBuffers();
    for (const known of order) free.add(known);
    expect(free.first(256)).toBe(all[0]);
    expect(numbersOf(all.map(() => free.take(256)))).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(free.take(256)).toBeUndefined();
  }
});

test('sizes do not mix, one can be taken out, and all at once', () => {
  const free = new FreeBuffers();
  const [a, b, c, d] = [made(0), made(1, 512), made(2), made(3)];
  for (const known of [d, b, a, c]) free.add(known);
  expect(free.take(1024)).toBeUndefined();
  expect(free.remove(c)).toBe(true);
  expect(free.remove(c)).toBe(false);
  expect(free.remove(made(2))).toBe(false);
  expect(free.take(512)).toBe(b);
  expect(new Set(numbersOf(free.takeAll()))).toEqual(new Set([0, 3]));
  expect(free.takeAll()).toEqual([]);
  expect(free.first(256)).toBeUndefined();
});
