import { isTesseraError } from '@tessera/tensor-core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byteLevelBpe, llamaBpe, unigram, wordPiece } from '../tokenizer-fixtures.test-data.ts';
import { createTokenizer } from './create-tokenizer.ts';

type Json = Record<string, unknown>;
const bpe = (model: Json): Json => ({
  model: { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'], ...model },
});
const split = (regex: string): Json => ({
  ...bpe({}),
  pre_tokenizer: { type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false },
});

test.each<[string, Json | string, string]>([
  ['no JSON', '{', 'tokenizer.json: not valid JSON'],
  ['a list', '[]', 'tokenizer.json: the top level is an array, expected an object.'],
  ['no model', {}, 'tokenizer.json: model is missing.'],
  ['no vocabulary', { model: { type: 'BPE', merges: [] } }, 'tokenizer.json: model.vocab is missing.'],
  ['an empty vocabulary', bpe({ vocab: {}, merges: [] }), 'tokenizer.json: model.vocab is empty.'],
  [
    'an unknown model',
    { model: { type: 'WordLevel', vocab: {} } },
    'tokenizer.json: model.type is "WordLevel", expected "BPE", "WordPiece" or "Unigram".',
  ],
  [
    'a prototype as the type',
    { model: JSON.parse('{"__proto__":{"type":"BPE"},"vocab":{"a":0}}') },
    'tokenizer.json: model.type is missing',
  ],
  [
    'a fractional id',
    bpe({ vocab: { a: 0.5 } }),
    'tokenizer.json: model.vocab["a"] is 0.5, expected an integer from 0 to 4194303.',
  ],
  ['a negative id', bpe({ vocab: { a: -1 } }), 'tokenizer.json: model.vocab["a"] is -1'],
  ['an id as text', bpe({ vocab: { a: '0' } }), 'tokenizer.json: model.vocab["a"] is "0"'],
  ['a huge id', bpe({ vocab: { a: 2 ** 31 } }), 'tokenizer.json: model.vocab["a"] is 2147483648'],
  ['an id twice', bpe({ vocab: { a: 0, b: 0 } }), 'tokenizer.json: model.vocab["b"] has id 0, which "a" has too.'],
  ['no merges', bpe({ merges: undefined }), 'tokenizer.json: model.merges is missing.'],
  [
    'a merge of three',
    bpe({ merges: ['a b c'] }),
    'tokenizer.json: model.merges[0] is "a b c", expected a pair of tokens',
  ],
  ['a merge of numbers', bpe({ merges: [[1, 2]] }), 'tokenizer.json: model.merges[0] is an array'],
  ['merges of both spellings', bpe({ merges: ['a b', ['a', 'b']] }), 'tokenizer.json: model.merges[1] is an array'],
  [
    'a merge without its result',
    bpe({ merges: ['b a'] }),
    'tokenizer.json: model.merges[0] needs the token "ba", which model.vocab does not have.',
  ],
  [
    'an unknown token that is unknown',
    bpe({ unk_token: '?' }),
    'tokenizer.json: model.unk_token is "?", which model.vocab does not have.',
  ],
  ['dropout', bpe({ dropout: 0.1 }), 'tokenizer.json: model.dropout is 0.1: random tokenisation is not supported.'],
  [
    'a word prefix for BPE',
    bpe({ continuing_subword_prefix: '##' }),
    'tokenizer.json: model.continuing_subword_prefix is "##": not supported for BPE.',
  ],
  [
    'a score that is none',
    { model: { type: 'Unigram', vocab: [['a', null]] } },
    'tokenizer.json: model.vocab[0] is an array, expected [token, finite score].',
  ],
  [
    'an unknown id out of range',
    { model: { type: 'Unigram', unk_id: 5, vocab: [['a', -1]] } },
    'tokenizer.json: model.unk_id is 5',
  ],
  [
    'an added token without content',
    { ...bpe({}), added_tokens: [{ id: 3 }] },
    'tokenizer.json: added_tokens[0].content is missing.',
  ],
  [
    'an added token on another’s id',
    { ...bpe({}), added_tokens: [{ id: 1, content: '<s>' }] },
    'tokenizer.json: added_tokens[0].id is 1, which "b" has too.',
  ],
  [
    'an added token with two ids',
    { ...bpe({}), added_tokens: [{ id: 7, content: 'a' }] },
    'tokenizer.json: added_tokens[0].id is 7, but "a" already has id 0.',
  ],
  [
    'an unknown normalizer',
    { ...bpe({}), normalizer: { type: 'Shout' } },
    'tokenizer.json: normalizer.type is "Shout", expected one of',
  ],
  [
    'an unknown post-processor',
    { ...bpe({}), post_processor: { type: 'Shout' } },
    'tokenizer.json: post_processor.type is "Shout"',
  ],
  [
    'a decoder that is none',
    { ...bpe({}), decoder: 'ByteLevel' },
    'tokenizer.json: decoder is "ByteLevel", expected an object.',
  ],
  [
    'a split without a pattern',
    { ...bpe({}), pre_tokenizer: { type: 'Split' } },
    'tokenizer.json: pre_tokenizer.pattern is undefined',
  ],
  ['a pattern that is none', split('(['), 'tokenizer.json: the tokenizer cannot be built'],
  [
    'nested repeats',
    split('(a+)+b'),
    'tokenizer.json: pre_tokenizer.pattern.Regex repeats a group that can match in more than one way',
  ],
  ['repeated alternatives', split('(?:a|aa)*b'), 'tokenizer.json: pre_tokenizer.pattern.Regex repeats a group'],
  [
    'repeats in a row',
    split('a*a*a*a*a*a*a*a*b'),
    'tokenizer.json: pre_tokenizer.pattern.Regex has more than 6 unbounded repeats in a row',
  ],
])('%s is refused, naming the field', (_, json, message) => {
  let error: unknown;
  try {
    createTokenizer({ tokenizerJson: json });
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ code: 'MODEL_FORMAT', message: expect.stringContaining(message) });
});

test.each<[Json, string]>([
  [{ bos_token: 5 }, 'tokenizer_config.json: bos_token is 5, expected a string.'],
  [{ model_max_length: 'long' }, 'tokenizer_config.json: model_max_length is "long"'],
  [{ added_tokens_decoder: { x: {} } }, 'tokenizer_config.json: added_tokens_decoder has the key "x", expected ids.'],
  [{ add_bos_token: 'yes' }, 'tokenizer_config.json: add_bos_token is "yes", expected true or false.'],
])('a malformed configuration is refused, naming the field', (config, message) => {
  expect(() => createTokenizer({ tokenizerJson: bpe({}), tokenizerConfig: config })).toThrow(message);
});

test('deep nesting is refused', () => {
  let nested: Json = { type: 'NFC' };
  for (let depth = 0; depth < 50; depth++) nested = { type: 'Sequence', normalizers: [nested] };
  expect(() => createTokenizer({ tokenizerJson: { ...bpe({}), normalizer: nested } })).toThrow(
    'is nested more than 8 deep.',
  );
});

test('tokens with the names of prototypes are tokens like any other', () => {
  const vocab = JSON.parse('{"a":0,"__proto__":1,"constructor":2,"toString":3}') as Json;
  const tokenizer = createTokenizer({
    tokenizerJson: { model: { type: 'WordPiece', unk_token: 'a', vocab }, pre_tokenizer: { type: 'WhitespaceSplit' } },
  });
  expect(tokenizer.encode('__proto__ constructor toString valueOf')).toEqual([1, 2, 3, 0]);
  expect(tokenizer.decode([1, 2])).toBe('__proto__ constructor');
});

test('published patterns pass', () => {
  for (const pattern of [
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
    ' ?[^(\\s|[.,!?…。，、।۔،])]+',
    '(?:\\r?\\n)+(?!\\r?\\n)',
  ]) {
    expect(() => createTokenizer({ tokenizerJson: split(pattern) })).not.toThrow();
  }
});

test('any damage to a file gives a working tokenizer or a typed error, fast', () => {
  const junk = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(null, -1, 2 ** 53, 1e308, '', '__proto__', [], {}, { type: 'Sequence' }, [['a', 'b', 'c']]),
  );
  const file = fc.constantFrom(byteLevelBpe, llamaBpe, wordPiece, unigram);
  fc.assert(
    fc.property(file, fc.infiniteStream(fc.nat()), junk, (make, choices, value) => {
      const json = make();
      let place: Json = json;
      for (let depth = 0; depth < 4; depth++) {
        const keys = Object.keys(place);
        const key = keys[choices.next().value % Math.max(1, keys.length)];
        if (key === undefined) break;
        const inner = place[key];
        if (depth === 3 || typeof inner !== 'object' || inner === null || choices.next().value % 3 === 0) {
          place[key] = value;
          break;
        }
        place = inner as Json;
      }
      const started = performance.now();
      try {
        const tokenizer = createTokenizer({ tokenizerJson: json });
        tokenizer.decode(tokenizer.encode('the cat </s> é'));
      } catch (error) {
        if (!isTesseraError(error)) throw error;
      }
      expect(performance.now() - started).toBeLessThan(5000); // against hangs; each takes some milliseconds
    }),
    { numRuns: 1500 },
  );
});
