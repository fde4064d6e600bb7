import type { JsonRecord } from '../format/field-check.ts';
import { own } from '../format/field-check.ts';
import type { AddedToken } from './added-token.ts';
import { controlSpelling } from './control-spelling.ts';
import { exactNormalizer } from './exact-normalizer.ts';
import { exactPreTokenizer } from './exact-pre-tokenizer.ts';
import { mergeParts } from './vocabulary.ts';
import type { Vocabulary } from './vocabulary.ts';

/** The model with every control token renamed, so that it cannot come from text: not as a piece, not as the result of a merge. */
function renamedModel({ model, type }: Vocabulary, spelling: ReadonlyMap<string, string>): JsonRecord {
  const vocab = model['vocab'] as JsonRecord | readonly (readonly [string, number])[];
  const rename = (token: string): string => spelling.get(token) ?? token;
  const renamed: Record<string, unknown> = { ...model, type };
  renamed['vocab'] = Array.isArray(vocab)
    ? vocab.map(([token, score]: readonly [string, number]) => [rename(token), score])
    : Object.fromEntries(Object.entries(vocab as JsonRecord).map(([token, id]) => [rename(token), id]));
  if (type === 'BPE') {
    renamed['merges'] = (model['merges'] as readonly unknown[])
      .map((merge) => mergeParts(merge) as readonly [string, string])
      .filter(([left, right]) => !spelling.has(left + right));
  }
  if (type === 'WordPiece') renamed['continuing_subword_prefix'] = own(model, 'continuing_subword_prefix') ?? '##';
  if (typeof own(model, 'unk_token') === 'string') renamed['unk_token'] = rename(model['unk_token'] as string);
  return renamed;
}

/** What the library is given: exact components, control tokens under spellings that no text has, and no decoder, since decoding is done here. */
export function libraryJson(json: JsonRecord, vocabulary: Vocabulary, added: readonly AddedToken[]): JsonRecord {
  const spelling = new Map(
    added.filter(({ control }) => control).map(({ content, id }) => [content, controlSpelling(id)]),
  );
  return {
    added_tokens: added.map(({ control, content, normalized, ...token }) => ({
      ...token,
      content: spelling.get(content) ?? content,
      // A control token is put in by its spelling, which no normalizer may touch.
      normalized: normalized && !control,
    })),
    normalizer: exactNormalizer(own(json, 'normalizer')),
    pre_tokenizer: exactPreTokenizer(own(json, 'pre_tokenizer')),
    model: renamedModel(vocabulary, spelling),
    post_processor: null,
    decoder: null,
  };
}
