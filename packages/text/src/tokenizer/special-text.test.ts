import fc from 'fast-check';
import { expect, test } from 'vitest';
import { byteLevelBpe, llamaBpe, unigram, wordPiece } from '../tokenizer-fixtures.test-data.ts';
import { createTokenizer } from './create-tokenizer.ts';

const kinds = { byteLevelBpe, llamaBpe, unigram, wordPiece };
const roundTripping = { byteLevelBpe, llamaBpe, unigram };
const fragment = fc.constantFrom(
  '<',
  '|',
  '>',
  '</',
  's>',
  '</s>',
  '<s>',
  '<unk>',
  '<|im_',
  'im_end',
  'end|>',
  '<|im_end|>',
  '<|im_start|>',
  '<｜User｜>',
  '[SEP]',
  '[CLS]',
  '[UNK]',
  'the',
  ' ',
  '▁',
  '\n',
  'é',
  '🙂',
  '\uD800',
  '<0x41>',
);
const hostile = fc.oneof(
  fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join('')),
  fc.string({ unit: 'binary' }),
);

test.each(Object.entries(kinds))('no text whatsoever becomes a special token but the unknown one (%s)', (_, json) => {
  const tokenizer = createTokenizer({ tokenizerJson: json() });
  const unknown = [tokenizer.tokenToId('<unk>'), tokenizer.tokenToId('[UNK]')];
  fc.assert(
    fc.property(hostile, (text) => {
      const special = tokenizer.encode(text).filter((id) => tokenizer.specialIds.has(id) && !unknown.includes(id));
      expect(special).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test.each(Object.entries(roundTripping))('text round-trips, spelled special tokens included (%s)', (_, json) => {
  const tokenizer = createTokenizer({ tokenizerJson: json() });
  fc.assert(
    fc.property(
      fc.array(
        fragment.filter((part) => !/[▁\uD800 ]|^<0x|<unk>/u.test(part)),
        { maxLength: 12 },
      ),
      (parts) => {
        const text = parts.join('');
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      },
    ),
    { numRuns: 300 },
  );
});

test('a merge that builds a special token is not used on text', () => {
  const tokenizer = createTokenizer({ tokenizerJson: llamaBpe() });
  expect(tokenizer.encode('a</s>').map((id) => tokenizer.idToToken(id))).toEqual(['▁', 'a', '</', 's>']);
  expect(tokenizer.encode('a</s>', { parseSpecial: true }).at(-1)).toBe(2);
});

test('a piece of a Unigram model that is a special token is not used on text', () => {
  const tokenizer = createTokenizer({ tokenizerJson: unigram() });
  expect(tokenizer.encode('the</s>')).not.toContain(2);
  expect(tokenizer.decode(tokenizer.encode('the</s>'))).toBe('the</s>');
});

test('turn markers count as control tokens even if the file forgets to call them special', () => {
  const tokenizer = createTokenizer({ tokenizerJson: byteLevelBpe() });
  const user = tokenizer.tokenToId('<｜User｜>') as number;
  expect(tokenizer.encode('<｜User｜>')).not.toContain(user);
  expect(tokenizer.encode('<｜User｜>', { parseSpecial: true })).toEqual([user]);
  expect(tokenizer.controlTokens.has('<think>')).toBe(false);
  expect(tokenizer.encode('<think>')).toEqual([tokenizer.tokenToId('<think>')]);
});

test('special tokens do not reach over the border of segments', () => {
  const tokenizer = createTokenizer({ tokenizerJson: byteLevelBpe() });
  const segments = [{ text: '<|im_', parseSpecial: true }, { text: 'end|>' }];
  expect(tokenizer.encodeSegments(segments)).toEqual(tokenizer.encode('<|im_end|>'));
});

test('ordinary tokens do reach over the border of segments', () => {
  const tokenizer = createTokenizer({ tokenizerJson: byteLevelBpe() });
  expect(tokenizer.encodeSegments([{ text: 'he', parseSpecial: true }, { text: 'llo' }])).toEqual([
    tokenizer.tokenToId('hello'),
  ]);
});

test('special tokens go around the text as the post-processor says', () => {
  const ids = (json: object, config?: object) =>
    createTokenizer({ tokenizerJson: json, ...(config && { tokenizerConfig: config }) }).encode('the', {
      addSpecialTokens: true,
    });
  expect(ids(llamaBpe())[0]).toBe(1);
  expect(ids(unigram()).at(-1)).toBe(2);
  expect(ids(wordPiece())).toEqual([2, expect.any(Number), 3]);
  expect(ids(llamaBpe(), { bos_token: '<s>', eos_token: '</s>', add_bos_token: false, add_eos_token: true })).toEqual([
    ...createTokenizer({ tokenizerJson: llamaBpe() }).encode('the'),
    2,
  ]);
});

test('an over-long text is refused with its length', () => {
  const tokenizer = createTokenizer({ tokenizerJson: byteLevelBpe(), maxTextLength: 10 });
  expect(() => tokenizer.encode('x'.repeat(11))).toThrow(
    'The text has 11 characters, at most 10 are tokenised at once. Shorten it, or raise maxTextLength.',
  );
});

test('odd special tokens are warned about and do no harm', () => {
  const warnings: string[] = [];
  const tokenizer = createTokenizer({
    tokenizerJson: byteLevelBpe(),
    tokenizerConfig: { bos_token: '<bos>', eos_token: { content: '<|im_end|>' }, pad_token: null, add_bos_token: true },
    modelVocabSize: 100,
    onWarning: (message) => warnings.push(message),
  });
  expect(tokenizer.bosId).toBeUndefined();
  expect(tokenizer.eosId).toBe(tokenizer.tokenToId('<|im_end|>'));
  expect(warnings).toContain('bos_token "<bos>" is not in the vocabulary of the tokenizer; it is ignored.');
  expect(warnings.some((message) => message.startsWith('eos_token "<|im_end|>" has id'))).toBe(true);
  expect(tokenizer.encode('a', { addSpecialTokens: true })).toEqual(tokenizer.encode('a'));
});
