import { readFile } from 'node:fs/promises';
import { memorySource } from '@tessera/checkpoints';
import { createTokenizer } from '@tessera/text';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fileTexts } from '../text/file-texts.ts';
import { memoryTexts } from '../text/memory-texts.ts';
import { encodeByWord } from './encode-by-word.ts';
import { encodeTexts } from './encode-texts.ts';
import type { EncodeProgress } from './encode-texts.ts';
import { byteEncoder } from './text-encoder.ts';
import { TokenCorpus } from './token-corpus.ts';

const tokenizerJson = await readFile(
  new URL('../../../../apps/models/llama-4m/tokenizer.json', import.meta.url),
  'utf8',
);
const tokenizer = createTokenizer({ tokenizerJson });

function idsOf(corpus: TokenCorpus): number[] {
  const ids = new Int32Array(corpus.length);
  corpus.copy(0, corpus.length, ids, 0);
  return [...ids];
}

test('an end-of-text id stands after every document, or none', async () => {
  const texts = memoryTexts(['ab', '', 'c']);
  const corpus = await encodeTexts(texts, byteEncoder);
  expect(idsOf(corpus)).toEqual([97, 98, 256, 99, 256]);
  expect([corpus.documents, corpus.documentStart(1), corpus.documentStart(2)]).toEqual([2, 3, 5]);
  expect([0, 2, 3, 4].map((token) => corpus.documentOf(token))).toEqual([0, 0, 1, 1]);
  expect(idsOf(await encodeTexts(texts, byteEncoder, { endId: null }))).toEqual([97, 98, 99]);
  expect(idsOf(await encodeTexts(texts, byteEncoder, { endId: 0 }))).toEqual([97, 98, 0, 99, 0]);
});

test('a file read in pieces has the tokens of the whole text', async () => {
  const text = Array.from(
    { length: 3000 },
    (_, i) => `${i}. It's  so,\n\n  she said ${i % 5 === 0 ? '\n' : ''}é語\n`,
  ).join('');
  const corpus = await encodeTexts(fileTexts(memorySource({ a: text }), ['a']), encodeByWord(tokenizer), {
    endId: null,
  });
  expect(idsOf(corpus)).toEqual(tokenizer.encode(text));
});

test('words that are remembered have the tokens of the tokenizer', () => {
  const byWord = encodeByWord(tokenizer);
  const text = fc.string({
    unit: fc.oneof(
      fc.constantFrom(' ', '\n', "'s", 'The', ' the', '12', '!', '\u0085', '\uFEFF', '\u00A0'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    ),
    maxLength: 30,
  });
  fc.assert(
    fc.property(text, (value) => {
      expect(byWord.encode(value)).toEqual(tokenizer.encode(value));
    }),
    { seed: 2, numRuns: 200 },
  );
});

test('larger vocabularies keep their ids', () => {
  const corpus = new TokenCorpus('large', 100_000);
  corpus.startDocument();
  const ids = Int32Array.from({ length: 1_400_000 }, (_, i) => (i * 7919) % 100_000);
  corpus.append(ids);
  const copy = new Int32Array(700_000);
  corpus.copy(600_000, copy.length, copy, 0);
  expect(copy.every((id, i) => id === ids[600_000 + i])).toBe(true);
});

test('progress ends at the whole, and corpora of other texts differ in identity', async () => {
  const seen: EncodeProgress[] = [];
  const corpus = await encodeTexts(memoryTexts(['abc', 'de']), byteEncoder, { onProgress: (p) => seen.push(p) });
  expect(seen.at(-1)).toEqual({ progress: 1, documents: 2, tokens: 7 });
  expect(corpus.identity).not.toBe((await encodeTexts(memoryTexts(['abc', 'df']), byteEncoder)).identity);
  expect(corpus.identity).toBe((await encodeTexts(memoryTexts(['abc', 'de']), byteEncoder)).identity);
});

test('an abort, an empty text and wrong ids are told', async () => {
  const reason = new Error('enough');
  await expect(encodeTexts(memoryTexts(['a']), byteEncoder, { signal: AbortSignal.abort(reason) })).rejects.toBe(
    reason,
  );
  await expect(encodeTexts(memoryTexts(['']), byteEncoder)).rejects.toThrow('texts: there is no text.');
  await expect(encodeTexts(memoryTexts(['a']), { vocabSize: 9, encode: () => [1] })).rejects.toThrow(
    'The tokenizer names no end of a text. Give endId, or null',
  );
  await expect(encodeTexts(memoryTexts(['a']), { vocabSize: 9, eosId: 0, encode: () => [9] })).rejects.toThrow(
    'texts: the tokenizer gave the id 9, expected whole numbers below its vocabSize of 9.',
  );
});

test('other work gets its turn while texts are encoded', async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  let seen = 0;
  const busy = {
    vocabSize: 2,
    eosId: 1,
    encode: () => {
      seen = turns;
      const until = performance.now() + 30;
      while (performance.now() < until);
      return [0];
    },
  };
  await encodeTexts(memoryTexts(['a', 'b', 'c']), busy);
  clearInterval(timer);
  expect(seen).toBeGreaterThan(0);
});
