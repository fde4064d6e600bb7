import { expect, test } from 'vitest';
import { idsOf } from './ids-of.ts';

test('ids are read with spaces and commas between them', () => {
  expect(idsOf(' 1, 2\n30 4,')).toEqual([1, 2, 30, 4]);
});

test.each(['', 'ROMEO:', '1 -2', '1.5'])('“%s” is refused with an example', (text) => {
  expect(() => idsOf(text)).toThrow('Write ids, such as 1 2 3.');
});
