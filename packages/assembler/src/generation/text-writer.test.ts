import type { Tokenizer } from '@tessera/text';
import { expect, test } from 'vitest';
import { TextWriter } from './text-writer.ts';

/** A tokenizer whose ids are code points, and which holds the last one back, as if a character might still grow. */
const tokenizer = {
  openTextStream() {
    let held = '';
    return {
      push(id: number): string {
        const ready = held;
        held = String.fromCodePoint(id);
        return ready;
      },
      flush(): string {
        const ready = held;
        held = '';
        return ready;
      },
    };
  },
} as unknown as Tokenizer;

function write(text: string, stop?: string | string[]): { pieces: string[]; writer: TextWriter } {
  const writer = new TextWriter(tokenizer, stop);
  const pieces = Array.from(text, (character) => writer.push(character.codePointAt(0)!));
  pieces.push(writer.flush());
  return { pieces, writer };
}

test('the pieces are the text', () => {
  const { pieces, writer } = write('a word');
  expect(pieces).toEqual(['', 'a', ' ', 'w', 'o', 'r', 'd']);
  expect(writer.text).toBe('a word');
  expect(writer.stop).toBeUndefined();
});

test('what could become a stop text is held back, and given at the end if it did not', () => {
  const { pieces, writer } = write('a word', 'words');
  expect(pieces).toEqual(['', 'a', ' ', '', '', '', 'word']);
  expect(writer.text).toBe('a word');
});

test('a stop text that is completed by what was held back stops as well', () => {
  const { pieces, writer } = write('a word', ['word', 'x']);
  expect(pieces.join('')).toBe('a ');
  expect(writer.text).toBe('a ');
  expect(writer.stop).toBe('word');
});

test('without a tokenizer there is no text, and a stop text is refused', () => {
  const writer = new TextWriter(undefined);
  expect(writer.push(1) + writer.flush()).toBe('');
  expect(() => new TextWriter(undefined, 'end')).toThrow('generate: stop texts need a tokenizer');
});
