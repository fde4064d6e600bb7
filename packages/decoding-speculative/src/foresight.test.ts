import { expect, test } from 'vitest';
import type { Draft } from './acceptance/draft.ts';
import { AdaptiveLength } from './draft-length.ts';
import { Foresight } from './foresight.ts';

/** Foresight of one row, what it is asked, and what its length learns. */
function foresightOf(draft: Draft): {
  readonly generated: number[];
  readonly foresight: Foresight;
  readonly asked: number[];
  readonly learned: (readonly [tested: number, accepted: number])[];
} {
  const generated = [9];
  const asked: number[] = [];
  const learned: (readonly [number, number])[] = [];
  const length = new AdaptiveLength({ cost: { token: 0.1 }, lengths: [4], tries: false });
  length.foresaw = (tested, accepted) => void learned.push([tested, accepted]);
  const foresight = new Foresight({
    rows: [{ prompt: [1], generated, sampling: {}, row: 0 }],
    lengths: [length],
    foresee: ([most]) => {
      asked.push(most!);
      return [draft];
    },
  });
  return { generated, foresight, asked, learned };
}

test('what would have been proposed is compared with what comes, however it comes', () => {
  for (const [came, expected] of [
    [
      [[5], [6], [7]],
      [3, 3],
    ],
    [[[5, 6, 7, 8]], [3, 3]],
    [
      [[5], [6, 0]],
      [3, 2],
    ],
    [[[0]], [1, 0]],
  ] as const) {
    const { generated, foresight, learned } = foresightOf({ tokens: [5, 6, 7] });
    foresight.look([3]);
    foresight.learn();
    for (const tokens of came) {
      expect(learned).toEqual([]);
      generated.push(...tokens);
      foresight.learn();
    }
    expect(learned).toEqual([expected]);
  }
});

test('of a tree the way that the text takes counts', () => {
  for (const [came, expected] of [
    [
      [6, 8],
      [2, 2],
    ],
    [[5], [1, 1]],
    [
      [6, 0],
      [2, 1],
    ],
  ] as const) {
    const { generated, foresight, learned } = foresightOf({ tokens: [5, 6, 7, 8], parents: [-1, -1, 1, 1] });
    foresight.look([2]);
    generated.push(...came);
    foresight.learn();
    expect(learned).toEqual([expected]);
  }
});

test('nothing further is looked at until that is known, nothing where nothing rests, and nothing is learned of nothing', () => {
  const { generated, foresight, asked, learned } = foresightOf({ tokens: [5, 6] });
  foresight.look([0]);
  foresight.look([2]);
  foresight.look([2]);
  expect(asked).toEqual([2]);
  generated.push(5, 6);
  foresight.learn();
  foresight.look([2]);
  expect(asked).toEqual([2, 2]);
  const none = foresightOf({ tokens: [] });
  none.foresight.look([2]);
  none.generated.push(5);
  none.foresight.learn();
  none.foresight.look([2]);
  expect([none.asked, none.learned, learned]).toEqual([[2, 2], [], [[2, 2]]]);
});

test('a length that is told what would have stayed tries nothing, and is long again as soon as that is worth while', () => {
  const length = new AdaptiveLength({ cost: { token: 0.1, round: 0.5 }, lengths: [2, 4], tries: false });
  while (length.next() > 0) length.learn(length.length, 0);
  for (let round = 0; round < 500; round++) expect(length.next()).toBe(0);
  let rounds = 0;
  for (; length.next() === 0; rounds++) length.foresaw(4, 4);
  expect(rounds).toBeGreaterThan(0);
  expect(rounds).toBeLessThan(20);
});
