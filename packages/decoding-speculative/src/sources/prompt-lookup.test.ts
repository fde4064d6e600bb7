import { expect, test } from 'vitest';
import { modelOf, stacks } from '../stacks.test-support.ts';
import { promptLookup } from './prompt-lookup.ts';

test.each<[number | undefined, number[]]>([
  [undefined, [9, 8]],
  [7, [9, 8]],
  [5, []],
  [3, []],
])('looks among the last %s tokens of prompt and text', async (lookBack, tokens) => {
  await using target = await modelOf(stacks[0]![1]);
  const row = { prompt: [1, 2, 9, 8], generated: [7, 1, 2], sampling: {}, row: 0 };
  const source = await promptLookup({ lookBack }).open({ target, rows: [row], capacity: 20 });
  expect(await source.propose([2])).toEqual([{ tokens }]);
  expect(source.foresee!([1])).toEqual([{ tokens: tokens.slice(0, 1) }]);
  expect(source.foresee!([0])).toEqual([{ tokens: [] }]);
});

test('numbers of tokens that are none are refused', () => {
  expect(() => promptLookup({ lookBack: 0 })).toThrow(
    'promptLookup: lookBack is 0, expected a whole number of tokens from 1.',
  );
  expect(() => promptLookup({ longestMatch: 1.5 })).toThrow('promptLookup: longestMatch is 1.5');
});
