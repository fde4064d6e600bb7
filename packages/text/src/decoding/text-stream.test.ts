import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTokenizer } from '../tokenizer/create-tokenizer.ts';
import { byteLevelBpe, llamaBpe, unigram, wordPiece } from '../tokenizer-fixtures.test-data.ts';
import { createTextStream } from './text-stream.ts';

const withDecoder = (make: () => Record<string, unknown>, decoder: unknown) => () => ({ ...make(), decoder });
const kinds = {
  byteLevelBpe,
  llamaBpe,
  unigram,
  wordPiece,
  'no decoder': withDecoder(wordPiece, null),
  'end-of-word suffix': withDecoder(llamaBpe, { type: 'BPEDecoder', suffix: 'e' }),
  'replace after fuse': withDecoder(llamaBpe, {
    type: 'Sequence',
    decoders: [
      { type: 'Fuse' },
      { type: 'Replace', pattern: { String: 'tt' }, content: '$&' },
      { type: 'Strip', content: ' ', start: 1, stop: 2 },
    ],
  }),
  'pattern after fuse': withDecoder(llamaBpe, {
    type: 'Sequence',
    decoders: [{ type: 'Fuse' }, { type: 'Replace', pattern: { Regex: '▁+' }, content: ' ' }],
  }),
  'strip each': withDecoder(llamaBpe, {
    type: 'Sequence',
    decoders: [
      { type: 'Strip', content: 'e', start: 1, stop: 1 },
      { type: 'Metaspace', replacement: '▁' },
    ],
  }),
};

test.each(Object.entries(kinds))(
  'the pieces of any ids are together what decode makes of them, and none is part of a character (%s)',
  (_, json) => {
    const tokenizer = createTokenizer({
      tokenizerJson: json(),
      tokenizerConfig: { clean_up_tokenization_spaces: true },
    });
    fc.assert(
      fc.property(
        fc.array(fc.nat(tokenizer.vocabSize + 3), { maxLength: 40 }),
        fc.boolean(),
        (ids, skipSpecialTokens) => {
          const stream = createTextStream(tokenizer, { skipSpecialTokens });
          const pieces = [...ids.map((id) => stream.push(id)), stream.flush()];
          expect(pieces.join('')).toBe(tokenizer.decode(ids, { skipSpecialTokens }));
          expect(pieces.some((piece) => /\p{Surrogate}/u.test(piece))).toBe(false);
        },
      ),
      { numRuns: 200 },
    );
  },
);

test.each(Object.entries({ byteLevelBpe, llamaBpe, unigram }))(
  'streaming well-formed text never shows a replacement character (%s)',
  (_, json) => {
    const tokenizer = createTokenizer({ tokenizerJson: json() });
    fc.assert(
      fc.property(fc.array(fc.constantFrom('é', '日本', '🙂', '👩‍👩‍👧', 'the', '\n', 'x'), { maxLength: 20 }), (parts) => {
        const text = parts.join('');
        const stream = createTextStream(tokenizer);
        let shown = '';
        for (const id of tokenizer.encode(text)) {
          shown += stream.push(id);
          expect(text.startsWith(shown)).toBe(true);
        }
        expect(shown + stream.flush()).toBe(text);
      }),
      { numRuns: 200 },
    );
  },
);

test('a character whose bytes come in several tokens appears once it is whole', () => {
  const tokenizer = createTokenizer({ tokenizerJson: byteLevelBpe() });
  const stream = createTextStream(tokenizer);
  expect(tokenizer.encode('🙂').map((id) => stream.push(id))).toEqual(['', '', '', '🙂']);
});

test('an incomplete character at the end becomes U+FFFD, and the stream is as new', () => {
  const tokenizer = createTokenizer({ tokenizerJson: byteLevelBpe() });
  const stream = createTextStream(tokenizer);
  const ids = tokenizer.encode('🙂');
  stream.push(ids[0] as number);
  expect(stream.flush()).toBe('\uFFFD');
  expect(ids.map((id) => stream.push(id)).join('')).toBe('🙂');
});

test('the space that a Llama tokenizer puts first is dropped first only', () => {
  const tokenizer = createTokenizer({ tokenizerJson: llamaBpe() });
  const stream = createTextStream(tokenizer);
  const the = tokenizer.tokenToId('▁the') as number;
  expect([the, the].map((id) => stream.push(id))).toEqual(['the', ' the']);
});

test('added tokens stand for themselves, whatever alphabet the decoder has', () => {
  const tokenizer = createTokenizer({
    tokenizerJson: { ...byteLevelBpe(), decoder: { type: 'Sequence', decoders: [{ type: 'ByteLevel' }] } },
  });
  expect(tokenizer.decode(tokenizer.encode('é<｜User｜>', { parseSpecial: true }))).toBe('é<｜User｜>');
});

test('spaces around punctuation are undone where the configuration asks for it, except for BPE', () => {
  const config = { clean_up_tokenization_spaces: true };
  const words = createTokenizer({ tokenizerJson: { ...wordPiece(), decoder: null }, tokenizerConfig: config });
  expect(words.decode(words.encode('the cat!'))).toBe('the cat!');
  const bytes = createTokenizer({ tokenizerJson: byteLevelBpe(), tokenizerConfig: config });
  expect(bytes.decode(bytes.encode('a , b'))).toBe('a , b');
});

test('a token costs the same late in a long stream as early', async () => {
  const tokenizer = createTokenizer({
    tokenizerJson: await readFile(new URL('../../../../apps/models/llama-4m/tokenizer.json', import.meta.url), 'utf8'),
  });
  const stream = createTextStream(tokenizer);
  const ids = tokenizer.encode('My lord, the king is dead — long live the king! é日本 ');
  const run = (tokens: number): number => {
    const started = performance.now();
    for (let i = 0; i < tokens; i++) stream.push(ids[i % ids.length] as number);
    return performance.now() - started;
  };
  // The fastest of five: other processes may pause any one of them.
  const fastest = (): number => Math.min(...Array.from({ length: 5 }, () => run(4000)));
  run(20_000);
  const early = fastest();
  run(200_000);
  const late = fastest();
  // Quadratic cost would make this some eleven times as much.
  expect(late).toBeLessThan(early * 5);
});
