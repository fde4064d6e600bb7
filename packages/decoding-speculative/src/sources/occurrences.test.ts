import { expect, test } from 'vitest';
import { testNumbers } from '../random-streams.ts';
import { Occurrences } from './occurrences.ts';

/** The definition: what followed the last tokens where they stood before, of the longest match the most recent. */
function continuationOf(text: readonly number[], most: number, longestMatch: number): readonly number[] {
  for (let length = Math.min(longestMatch, text.length - 1); length > 0; length--) {
    const end = text.length - length;
    for (let at = end - 1; at >= 0; at--)
      if (text.slice(at, at + length).every((token, index) => token === text[end + index]))
        return text.slice(at + length, at + length + most);
  }
  return [];
}

test.each<[string, number[], number, number, number[]]>([
  ['what followed the longest match', [1, 2, 3, 9, 2, 3, 8, 1, 2, 3], 2, 3, [9, 2]],
  ['of equal ones the most recent', [2, 3, 9, 2, 3, 8, 2, 3], 1, 2, [8]],
  ['fewer tokens where more do not occur', [5, 7, 4, 6, 7], 4, 3, [4, 6, 7]],
  ['a match that reaches into the last tokens', [4, 4, 4], 3, 2, [4]],
  ['nothing where nothing repeats', [1, 2, 3], 4, 3, []],
  ['nothing for one token', [1], 4, 3, []],
  ['nothing for no token', [], 4, 3, []],
])('%s', (_, text, most, longestMatch, expected) => {
  const occurrences = new Occurrences({ longestMatch });
  occurrences.readOn(text, []);
  expect(occurrences.continuation(most)).toEqual(expected);
  expect(continuationOf(text, most, longestMatch)).toEqual(expected);
});

test.each([
  [2, 3, undefined],
  [5, 3, undefined],
  [40, 1, undefined],
  [3, 5, 1],
  [3, 2, 7],
  [12, 3, 600],
])(
  'of %i tokens runs of up to %i among the last %s are found as the definition finds them',
  (ids, longestMatch, lookBack) => {
    const [prompt, generated]: [number[], number[]] = [[], []];
    const occurrences = new Occurrences({ longestMatch, lookBack });
    for (let step = 0; step < 3000; step++) {
      (step < 5 ? prompt : generated).push(Math.floor(ids * testNumbers({ seed: 7, step })(0)));
      // Not asked after each token, as rounds give several.
      if (step % 3 === 1) continue;
      occurrences.readOn(prompt, generated);
      if (step > 60 && step % 37 > 0) continue;
      const text = [...prompt, ...generated].slice(-(lookBack ?? Infinity));
      expect(occurrences.continuation(4), `after ${step} tokens`).toEqual(continuationOf(text, 4, longestMatch));
    }
  },
);
