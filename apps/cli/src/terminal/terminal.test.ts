import { expect, test } from 'vitest';
import { readEscapes } from '../options/escapes.ts';
import { showBytes, showCount, showSeconds } from './numbers.ts';
import { textTable } from './text-table.ts';

test('numbers are shown with their units', () => {
  expect([0, 1023, 1024, 1536, 3 * 2 ** 30].map(showBytes)).toEqual(['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '3.0 GiB']);
  expect(showCount(3_344_640)).toBe('3,344,640');
  expect([0.04, 9.94, 59, 75, 3725].map(showSeconds)).toEqual(['0.0 s', '9.9 s', '59 s', '1 min 15 s', '1 h 2 min']);
});

test('columns of numbers are aligned to the right', () => {
  expect(
    textTable(
      ['name', 'n'],
      [
        ['a', '100'],
        ['long', '5'],
      ],
    ),
  ).toBe('name    n\na     100\nlong    5');
});

test('escapes are read, other backslashes stay', () => {
  expect(readEscapes(String.raw`a\nb\t\\n \u00e9 \q \"`)).toBe('a\nb\t\\n é \\q "');
});
