import { expect, test } from 'vitest';
import { AdaptiveLength, bestDraftLength } from './draft-length.ts';

test('a draft is the longer the more of it stays and the less it costs, and none where it costs more than it brings', () => {
  const best = (acceptance: number, cost: number): number => bestDraftLength({ acceptance, cost, longest: 8 });
  expect(best(0.8, 0.1)).toBe(6);
  expect(best(0.3, 0.05)).toBe(2);
  expect(best(0.8, 0.3)).toBe(3);
  expect(best(0.3, 0.31)).toBe(0);
  expect(best(1, 0.1)).toBe(8);
  expect(best(0.9, 0)).toBe(8);
});

test('the best length is that of the formula', () => {
  for (const acceptance of [0.2, 0.5, 0.8, 0.95])
    for (const cost of [0.02, 0.1, 0.4]) {
      const speed = (length: number): number =>
        (1 - acceptance ** (length + 1)) / (1 - acceptance) / (1 + length * cost);
      const speeds = Array.from({ length: 11 }, (_, length) => speed(length));
      expect(bestDraftLength({ acceptance, cost, longest: 10 })).toBe(speeds.indexOf(Math.max(...speeds)));
    }
});

test('drafts that are rejected grow short, and are tried again now and then; ones that stay grow long', () => {
  const length = new AdaptiveLength({ cost: 0.2, longest: 8 });
  expect(length.next()).toBeGreaterThan(0);
  for (let round = 0; round < 40; round++) length.learn(length.next(), 0);
  expect(length.length).toBe(0);
  const tried = Array.from({ length: 24 }, () => length.next());
  expect(tried.filter((tokens) => tokens === 1)).toHaveLength(2);
  expect(tried.filter((tokens) => tokens === 0)).toHaveLength(22);
  for (let round = 0; round < 200; round++) {
    const proposed = length.next();
    length.learn(proposed, proposed);
  }
  expect(length.next()).toBe(8);
});

test('tokens behind a rejected one say nothing', () => {
  const [short, long] = [1, 8].map((proposed) => {
    const length = new AdaptiveLength({ cost: 0.1, longest: 8 });
    length.learn(proposed, 0);
    return length.length;
  });
  expect(long).toBe(short);
});
