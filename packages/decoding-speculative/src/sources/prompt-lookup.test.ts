import { expect, test } from 'vitest';
import { continuationOf } from './prompt-lookup.ts';

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
