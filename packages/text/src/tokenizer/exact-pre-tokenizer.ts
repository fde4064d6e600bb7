import { fieldError, kindOf, own } from '../format/field-check.ts';
import type { JsonRecord } from '../format/field-check.ts';
import { componentsAt, escapePattern } from './component.ts';
import { patternReplacer } from './library.ts';

const known = [
  'BertPreTokenizer',
  'ByteLevel',
  'CharDelimiterSplit',
  'Digits',
  'FixedLength',
  'Metaspace',
  'Punctuation',
  'Split',
  'Whitespace',
  'WhitespaceSplit',
];

const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const punctuation = '[\\p{P}!-/:-@\\[-`{-~]';

/** `\w` of Rust's regular expressions, which Whitespace uses; that of Oniguruma has the superscript digits too. */
const word = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\u200C\\u200D';

const keepMatches = (regex: string): JsonRecord => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Removed',
  invert: true,
});
const isolate = (regex: string): JsonRecord => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});

/** A split in terms of the two forms that the library does as the reference does: keep the matches, or isolate them. */
function exactSplit(regex: string, behavior: unknown, invert: boolean): JsonRecord {
  const rest = `(?:(?!${regex})[\\s\\S])`;
  const merging = {
    MergedWithPrevious: `${rest}*(?:${regex})|${rest}+`,
    MergedWithNext: `(?:${regex})${rest}*|${rest}+`,
    Contiguous: `(?:${regex})+|${rest}+`,
  };
  if (behavior === 'Isolated') return isolate(regex);
  if (behavior === 'Removed') return invert ? keepMatches(regex) : { ...isolate(regex), behavior: 'Removed' };
  if (typeof behavior === 'string' && Object.hasOwn(merging, behavior) && !invert) {
    // Merged pieces of nothing would lose the text between them.
    if (patternReplacer({ Regex: `^(?:${regex})$` }, 'x')('') !== '')
      throw fieldError(
        'tokenizer.json',
        'pre_tokenizer',
        `has a Split with behavior ${behavior} on a pattern that matches nothing at all.`,
      );
    return keepMatches(merging[behavior as keyof typeof merging]);
  }
  throw fieldError(
    'tokenizer.json',
    'pre_tokenizer',
    `has a Split with behavior ${kindOf(behavior)} and invert ${String(invert)}, which is not supported.`,
  );
}

function regexOf(component: JsonRecord): string {
  const pattern = component['pattern'] as { String?: string; Regex?: string };
  return pattern.Regex ?? escapePattern(pattern.String as string);
}

function exactMetaspace(component: JsonRecord): JsonRecord[] {
  const replacement = (own(component, 'replacement') ?? '▁') as string;
  const scheme =
    own(component, 'prepend_scheme') ?? (own(component, 'add_prefix_space') === false ? 'never' : 'always');
  const space = { type: 'Metaspace', replacement, prepend_scheme: scheme };
  const escaped = escapePattern(replacement);
  return own(component, 'split') === false ? [space] : [space, keepMatches(`${escaped}[^${escaped}]*|[^${escaped}]+`)];
}

function exactComponent(component: JsonRecord): JsonRecord[] {
  switch (component['type']) {
    case 'Metaspace':
      return exactMetaspace(component);
    case 'ByteLevel': {
      const bytes = {
        type: 'ByteLevel',
        add_prefix_space: own(component, 'add_prefix_space') ?? true,
        use_regex: own(component, 'use_regex') ?? true,
      };
      return bytes.use_regex === false || bytes.add_prefix_space !== false
        ? [bytes]
        : [keepMatches(gpt2), { ...bytes, use_regex: false }];
    }
    case 'Split':
      return [exactSplit(regexOf(component), own(component, 'behavior'), own(component, 'invert') === true)];
    case 'CharDelimiterSplit':
      return [exactSplit(escapePattern((own(component, 'delimiter') ?? ' ') as string), 'Removed', false)];
    case 'Punctuation':
      return [exactSplit(punctuation, own(component, 'behavior') ?? 'Isolated', false)];
    case 'Digits':
      return [exactSplit('\\p{N}', own(component, 'individual_digits') === true ? 'Isolated' : 'Contiguous', false)];
    case 'Whitespace':
      return [keepMatches(`[${word}]+|[^${word}\\s]+`)];
    case 'WhitespaceSplit':
      return [keepMatches('\\S+')];
    case 'FixedLength': {
      const length = own(component, 'length') ?? 5;
      if (!Number.isInteger(length) || (length as number) < 1)
        throw fieldError('tokenizer.json', 'pre_tokenizer', `has a FixedLength of ${kindOf(length)}.`);
      return [{ type: 'FixedLength', length }];
    }
    default:
      return [component];
  }
}

/**
 * Rewrites a pre-tokenizer so that the library splits as the reference implementation does.
 *
 * The library takes some settings for others (Metaspace never splits, Punctuation and MergedWith… are read as something else, `\w` and `\d` are
 * ASCII); each has an exact form in terms of Split with a regular expression.
 */
export function exactPreTokenizer(value: unknown): JsonRecord | null {
  const pretokenizers = componentsAt(value, 'pre_tokenizer', known).flatMap(exactComponent);
  return pretokenizers.length === 0 ? null : { type: 'Sequence', pretokenizers };
}
