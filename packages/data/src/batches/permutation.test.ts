import { expect, test } from 'vitest';
import { permutation } from './permutation.ts';

test.each([1, 2, 3, 63, 64, 65, 255, 256, 257, 5000])('the shuffled order of %i places holds each once', (n) => {
  const permute = permutation(n, [1, 2]);
  const places = Array.from({ length: n }, (_, i) => permute(i));
  expect(places.toSorted((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
});

test('another key gives another order', () => {
  const order = (key: [number, number]) => Array.from({ length: 100 }, (_, i) => permutation(100, key)(i));
  expect(order([1, 2])).not.toEqual(order([1, 3]));
  expect(order([1, 2])).toEqual(order([1, 2]));
});

test('every place is as likely as any other, and neighbours are not kept together', () => {
  const n = 50;
  const keys = 2000;
  const counts = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  let neighbours = 0;
  for (let key = 0; key < keys; key++) {
    const permute = permutation(n, [key, 0]);
    for (let i = 0; i < n; i++) counts[i]![permute(i)]!++;
    if (permute(1) === permute(0) + 1) neighbours++;
  }
  // Binomial with p = 1/50: mean 40, deviation 6.3; six deviations, as 2500 are looked at.
  for (const count of counts.flat()) expect(Math.abs(count - keys / n)).toBeLessThan(38);
  expect(Math.abs(neighbours - keys / n)).toBeLessThan(38);
});

test('orders of more than 2^32 places can be entered anywhere', () => {
  const n = 2 ** 45 + 7;
  const permute = permutation(n, [3, 4]);
  const places = [0, 1, n - 1, 2 ** 40].map(permute);
  expect(new Set(places).size).toBe(4);
  for (const place of places) expect(Number.isSafeInteger(place) && place >= 0 && place < n).toBe(true);
});
