import { expect, test } from 'vitest';
import { exactPreTokenizer } from './exact-pre-tokenizer.ts';
import { openLibraryTokenizer } from './library.ts';

const text = "Hi, the  cat's 12 ⅷ³ cats!? é_x\n a--b ";

/** Made with `pre_tokenize_str` of the Python package tokenizers 0.23.2; `|` separates the pieces. */
const reference: [Record<string, unknown>, string][] = [
  [
    { type: 'Split', pattern: { String: ' ' }, behavior: 'Isolated', invert: false },
    "Hi,| |the| | |cat's| |12| |ⅷ³| |cats!?| |é_x\n| |a--b| ",
  ],
  [
    { type: 'Split', pattern: { Regex: '[a-c]|\\s' }, behavior: 'Isolated', invert: false },
    "Hi,| |the| | |c|a|t's| |12| |ⅷ³| |c|a|ts!?| |é_x|\n| |a|--|b| ",
  ],
  [{ type: 'Punctuation', behavior: 'Isolated' }, "Hi|,| the  cat|'|s 12 ⅷ³ cats|!|?| é|_|x\n a|-|-|b "],
  [
    { type: 'Split', pattern: { String: ' ' }, behavior: 'Removed', invert: false },
    "Hi,|the|cat's|12|ⅷ³|cats!?|é_x\n|a--b",
  ],
  [
    { type: 'Split', pattern: { Regex: '[a-c]|\\s' }, behavior: 'Removed', invert: false },
    "Hi,|the|t's|12|ⅷ³|ts!?|é_x|--",
  ],
  [{ type: 'Punctuation', behavior: 'Removed' }, 'Hi| the  cat|s 12 ⅷ³ cats| é|x\n a|b '],
  [
    { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    "Hi, |the | |cat's |12 |ⅷ³ |cats!? |é_x\n |a--b ",
  ],
  [
    { type: 'Split', pattern: { Regex: '[a-c]|\\s' }, behavior: 'MergedWithPrevious', invert: false },
    "Hi, |the | |c|a|t's |12 |ⅷ³ |c|a|ts!? |é_x\n| |a|--b| ",
  ],
  [{ type: 'Punctuation', behavior: 'MergedWithPrevious' }, "Hi,| the  cat'|s 12 ⅷ³ cats!|?| é_|x\n a-|-|b "],
  [
    { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithNext', invert: false },
    "Hi,| the| | cat's| 12| ⅷ³| cats!?| é_x\n| a--b| ",
  ],
  [
    { type: 'Split', pattern: { Regex: '[a-c]|\\s' }, behavior: 'MergedWithNext', invert: false },
    "Hi,| the| | |c|at's| 12| ⅷ³| |c|ats!?| é_x|\n| |a--|b| ",
  ],
  [{ type: 'Punctuation', behavior: 'MergedWithNext' }, "Hi|, the  cat|'s 12 ⅷ³ cats|!|? é|_x\n a|-|-b "],
  [
    { type: 'Split', pattern: { String: ' ' }, behavior: 'Contiguous', invert: false },
    "Hi,| |the|  |cat's| |12| |ⅷ³| |cats!?| |é_x\n| |a--b| ",
  ],
  [
    { type: 'Split', pattern: { Regex: '[a-c]|\\s' }, behavior: 'Contiguous', invert: false },
    "Hi,| |the|  ca|t's| |12| |ⅷ³| ca|ts!?| |é_x|\n a|--|b ",
  ],
  [{ type: 'Punctuation', behavior: 'Contiguous' }, "Hi|,| the  cat|'|s 12 ⅷ³ cats|!?| é|_|x\n a|--|b "],
  [{ type: 'Split', pattern: { Regex: '\\w+' }, behavior: 'Removed', invert: true }, 'Hi|the|cat|s|12|ⅷ³|cats|é_x|a|b'],
  [
    { type: 'Split', pattern: { Regex: '\\w+' }, behavior: 'Isolated', invert: true },
    "Hi|, |the|  |cat|'|s| |12| |ⅷ³| |cats|!? |é_x|\n |a|--|b| ",
  ],
  [{ type: 'Digits', individual_digits: true }, "Hi, the  cat's |1|2| |ⅷ|³| cats!? é_x\n a--b "],
  [{ type: 'Digits', individual_digits: false }, "Hi, the  cat's |12| |ⅷ³| cats!? é_x\n a--b "],
  [{ type: 'Whitespace' }, "Hi|,|the|cat|'|s|12|ⅷ|³|cats|!?|é_x|a|--|b"],
  [{ type: 'WhitespaceSplit' }, "Hi,|the|cat's|12|ⅷ³|cats!?|é_x|a--b"],
  [{ type: 'BertPreTokenizer' }, "Hi|,|the|cat|'|s|12|ⅷ³|cats|!|?|é|_|x|a|-|-|b"],
  [{ type: 'CharDelimiterSplit', delimiter: 't' }, "Hi, |he  ca|'s 12 ⅷ³ ca|s!? é_x\n a--b "],
  [
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: true },
    "▁Hi,|▁the|▁|▁cat's|▁12|▁ⅷ³|▁cats!?|▁é_x\n|▁a--b|▁",
  ],
  [
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always', split: false },
    "▁Hi,▁the▁▁cat's▁12▁ⅷ³▁cats!?▁é_x\n▁a--b▁",
  ],
  [
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never', split: true },
    "Hi,|▁the|▁|▁cat's|▁12|▁ⅷ³|▁cats!?|▁é_x\n|▁a--b|▁",
  ],
  [
    { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never', split: false },
    "Hi,▁the▁▁cat's▁12▁ⅷ³▁cats!?▁é_x\n▁a--b▁",
  ],
];

function pieces(config: Record<string, unknown>): string[] {
  const library = openLibraryTokenizer({
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: exactPreTokenizer(config),
    post_processor: null,
    decoder: null,
    model: { type: 'BPE', vocab: { a: 0 }, merges: [] },
  }) as unknown as { pre_tokenizer: { pre_tokenize(text: string, options: object): string[] } };
  return library.pre_tokenizer.pre_tokenize(text, { section_index: 0 });
}

test.each(reference)('%o splits as the reference does', (config, expected) => {
  expect(pieces(config).join('|')).toBe(expected);
});
