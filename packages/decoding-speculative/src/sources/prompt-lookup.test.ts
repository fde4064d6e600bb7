import { expect, test } from 'vitest';
import { modelOf, stacks } from '../stacks.test-support.ts';
import { continuationOf, promptLookup } from './prompt-lookup.ts';

test.each<[string, number[], number, number, number[]]>([
  ['what followed the longest match', [1, 2, 3, 9, 2, 3, 8, 1, 2, 3], 2, 3, [9, 2]],
  ['of equal ones the most recent', [2, 3, 9, 2, 3, 8, 2, 3], 1, 2, [8]],
  ['fewer tokens where more do not occur', [5, 7, 4, 6, 7], 4, 3, [4, 6, 7]],
  ['a match that reaches into the last tokens', [4, 4, 4], 3, 2, [4]],
  ['nothing where nothing repeats', [1, 2, 3], 4, 3, []],
  ['nothing for one token', [1], 4, 3, []],
  ['nothing for no token', [], 4, 3, []],
])('%s', (_, text, most, longestMatch, expected) => {
  expect(continuationOf(text, most, longestMatch)).toEqual(expected);
});

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
});

test('numbers of tokens that are none are refused', () => {
  expect(() => promptLookup({ lookBack: 0 })).toThrow(
    'promptLookup: lookBack is 0, expected a whole number of tokens from 1.',
  );
  expect(() => promptLookup({ longestMatch: 1.5 })).toThrow('promptLookup: longestMatch is 1.5');
});
