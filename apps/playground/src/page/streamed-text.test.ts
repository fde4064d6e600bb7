import { expect, test } from 'vitest';
import { appended, mostShown, noText, plainText } from './streamed-text.ts';

test('pieces of one kind join, and each kind has blocks of its own', () => {
  let text = appended(noText, 'Ah, ', 'plain');
  text = appended(text, 'my', 'plain');
  text = appended(text, ' lord', 'accepted');
  text = appended(text, '', 'plain');
  text = appended(text, '!', 'plain');
  expect(text.blocks.map(({ number, kind, text: piece }) => [number, kind, piece])).toEqual([
    [0, 'plain', 'Ah, my'],
    [1, 'accepted', ' lord'],
    [2, 'plain', '!'],
  ]);
  expect(plainText(text)).toBe('Ah, my lord!');
});

test.each([
  ['of one kind', 1, 14],
  ['of kinds that change with each token', 2, 3000],
])('however long a text %s becomes, its end stays and takes no more room', (_, kinds, blocks) => {
  let text = noText;
  let written = 0;
  for (let token = 0; token < 20_000; token++) {
    const piece = ` ${token}`;
    written += piece.length;
    text = appended(text, piece, token % kinds === 0 ? 'plain' : 'accepted');
    expect(text.blocks.length).toBeLessThanOrEqual(blocks);
  }
  const shown = plainText(text);
  expect(shown.endsWith(' 19998 19999')).toBe(true);
  expect(shown.length).toBeGreaterThan(mostShown - 2000);
  expect(shown.length).toBeLessThanOrEqual(mostShown);
  expect(text.letGo + shown.length).toBe(written);
});
