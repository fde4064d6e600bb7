import { memorySource } from '@tessera/checkpoints';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutText } from './cut-text.ts';
import { fileTexts } from './file-texts.ts';
import type { FileTextsOptions } from './file-texts.ts';
import { memoryTexts } from './memory-texts.ts';
import { splitByHash } from './split-by-hash.ts';
import type { TextSource } from './text-source.ts';

async function documentsOf(texts: TextSource): Promise<string[]> {
  const documents: string[] = [];
  let open = '';
  let progress = 0;
  for await (const piece of texts.pieces()) {
    expect(piece.progress).toBeGreaterThanOrEqual(progress);
    ({ progress } = piece);
    open += piece.text;
    if (!piece.end) continue;
    documents.push(open);
    open = '';
  }
  expect(open).toBe('');
  return documents;
}

const readFile = (content: string | Uint8Array, options?: FileTextsOptions, path = 'a.txt'): Promise<string[]> =>
  documentsOf(fileTexts(memorySource({ [path]: content }), [path], options));

// Longer than a chunk of a file, with characters of one to four bytes on its borders.
const long = Array.from({ length: 60_000 }, (_, i) => `line ${i} é 語 😀${i % 7 === 0 ? '\n\n' : '\n'}`).join('');

test('a file of several chunks is one document, character by character', async () => {
  expect(await readFile(long)).toEqual([long]);
});

test('a text without a line end is read whole', async () => {
  const words = 'word '.repeat(400_000);
  const solid = '😀'.repeat(400_001);
  expect(await readFile(words)).toEqual([words]);
  expect(await readFile(solid)).toEqual([solid]);
});

test('separators make documents, wherever the chunks of the file end', async () => {
  const stories = Array.from({ length: 3000 }, (_, i) => `Story ${i}.\n${'And so on.\n'.repeat(i % 90)}The end.`);
  expect(await readFile(stories.join('\n<|end|>\n'), { separator: '\n<|end|>\n' })).toEqual(stories);
  expect(await readFile('<|end|>a<|end|><|end|>b<|end|>', { separator: '<|end|>' })).toEqual(['a', 'b']);
});

test('lines of JSON are documents', async () => {
  const lines = ['{"text":"one"}', '', '{"id":2,"text":"two\\nlines"}', '{"text":""}'].join('\n');
  expect(await readFile(lines, {}, 'a.jsonl')).toEqual(['one', 'two\nlines']);
  expect(await readFile('{"body":"b"}\r\n', { format: 'jsonl', field: 'body' })).toEqual(['b']);
});

test('errors name the file, the line and the mend', async () => {
  await expect(readFile('{"text":"a"}\n{"body":"b","n":1}', {}, 'a.jsonl')).rejects.toThrow(
    'memory/a.jsonl: line 2 has no text in "text"; its fields are body, n. Name the field that holds the text.',
  );
  await expect(readFile('{"text":"a"}\n{', {}, 'a.jsonl')).rejects.toThrow('memory/a.jsonl: line 2 is no JSON');
  await expect(readFile('[1]', {}, 'a.jsonl')).rejects.toThrow('its fields are none');
  await expect(readFile(Uint8Array.of(65, 0xff))).rejects.toThrow('memory/a.txt: bytes 0 to 2 are not UTF-8.');
  await expect(readFile(Uint8Array.of(65, 0xe2))).rejects.toThrow('not UTF-8');
  await expect(documentsOf(fileTexts(memorySource({}), ['b.txt']))).rejects.toThrow(
    'memory/b.txt: there is no such file.',
  );
  expect(() => fileTexts(memorySource({}), [], { split: { part: 'train', fraction: 1 } })).toThrow(
    'split.fraction is 1, expected a number between 0 and 1.',
  );
  expect(() => fileTexts(memorySource({}), [], { separator: '' })).toThrow('separator is empty');
  await expect(readFile('one line', { split: { part: 'train' } })).rejects.toThrow(
    'memory/a.txt: no line begins after 95 % of its 8 characters, so nothing is left for validation.',
  );
});

test('an abort ends the reading', async () => {
  const reason = new Error('enough');
  const pieces = fileTexts(memorySource({ a: long }), ['a']).pieces({ signal: AbortSignal.abort(reason) });
  await expect(pieces[Symbol.asyncIterator]().next()).rejects.toBe(reason);
});

test('the end that is kept begins after the first newline at or after a share of the characters', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.constantFrom('a', 'é', '語', '😀', '\n'), { minLength: 4, maxLength: 60 }),
      fc.constantFrom(0.05, 0.3, 0.5),
      async (characters, fraction) => {
        const at = characters.indexOf('\n', Math.ceil(characters.length * (1 - fraction)));
        fc.pre(at > 0 && at + 1 < characters.length);
        const part = async (name: 'train' | 'validation') =>
          (await readFile(characters.join(''), { split: { part: name, fraction } })).join('');
        expect(await part('train')).toBe(characters.slice(0, at + 1).join(''));
        expect(await part('validation')).toBe(characters.slice(at + 1).join(''));
      },
    ),
    { seed: 1, numRuns: 200 },
  );
});

test('a long file is split as its characters are counted, not its bytes', async () => {
  const characters = [...long];
  const at = characters.indexOf('\n', Math.ceil(characters.length * 0.95)) + 1;
  expect(await readFile(long, { split: { part: 'validation' } })).toEqual([characters.slice(at).join('')]);
  expect(await readFile(long, { split: { part: 'train' } })).toEqual([characters.slice(0, at).join('')]);
});

test('a split by hash puts every document on one side, about as many as asked for', async () => {
  const documents = Array.from({ length: 4000 }, (_, i) => `Document ${i}. ${'x'.repeat((i % 3) * 1000)}`);
  const part = (name: 'train' | 'validation', seed = 0, from = documents) =>
    documentsOf(splitByHash(memoryTexts(from), { part: name, fraction: 0.1, seed }));
  const train = await part('train');
  const validation = await part('validation');
  expect([...train, ...validation].toSorted()).toEqual(documents.toSorted());
  expect(Math.abs(validation.length - 400)).toBeLessThan(95); // five deviations
  expect(await part('validation', 1)).not.toEqual(validation);
  expect(await part('validation', 0, ['another', ...documents.toReversed()])).toEqual(
    expect.arrayContaining(validation),
  );
});

test('texts are cut before lines or words, into pieces of bounded length', () => {
  const words = 'some words '.repeat(60_000);
  const pieces = [...cutText(words)];
  expect(pieces.join('')).toBe(words);
  expect(pieces.length).toBeGreaterThan(2);
  for (const piece of pieces.slice(1)) expect(piece).toMatch(/^ \S/);
  const lines = [...cutText('  indented lines\n'.repeat(60_000))];
  expect(lines.every((piece) => piece.length <= 1 << 18)).toBe(true);
  for (const piece of cutText('😀'.repeat(200_000))) expect(piece).not.toMatch(/\p{Surrogate}/u);
});
