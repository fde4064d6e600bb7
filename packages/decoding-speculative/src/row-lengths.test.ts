import { expect, test } from 'vitest';
import type { Draft } from './acceptance/draft.ts';
import { RowLengths } from './row-lengths.ts';

const rows = [0, 1].map((row) => ({ prompt: [1], generated: [9], sampling: {}, row }));
// So dear that what is assumed in the beginning does not pay.
const call = { rows, cost: { token: 0.1, round: 3 }, lengths: [2, 4] };
const all = (): boolean => true;

test('a source that foresees is asked as itself, and tries nothing; one that does not tries', () => {
  const asked: (readonly number[])[] = [];
  const source = {
    draft: { tokens: [5] },
    foresee(most: readonly number[]): readonly Draft[] {
      asked.push(most);
      return most.map((_, b) => (b === 1 ? this.draft : { tokens: [] }));
    },
  };
  const lengths = new RowLengths({ ...call, source });
  expect(lengths.next(all)).toEqual([0, 0]);
  expect(asked).toEqual([[4, 4]]);
  expect(lengths.foreseen([0, 0])).toEqual([0, 0]);
  expect(asked).toHaveLength(1);
  expect(lengths.foreseen([2, 2])).toEqual([0, 2]);
  const blind = new RowLengths({ ...call, source: {} });
  expect(blind.next(all)).toEqual([2, 2]);
  expect(blind.foreseen([2, 2])).toEqual([2, 2]);
});

test('without a cost drafts are as long as may be, and rows that do not go on have none', () => {
  const lengths = new RowLengths({ ...call, cost: undefined, source: { foresee: () => [] } });
  expect(lengths.next((b) => b === 1)).toEqual([0, 4]);
  for (let round = 0; round < 50; round++) lengths.learn(1, 4, 0);
  expect(lengths.next(all)).toEqual([4, 4]);
  expect(lengths.foreseen([4, 4])).toEqual([4, 4]);
});
