import * as library from '@huggingface/tokenizers';
import type { Pattern } from './component.ts';
import type { JsonRecord } from '../format/field-check.ts';

/** The library's tokenizer, as far as it is used. Declared here: its own declarations leave out file endings, which resolves to nothing under nodenext. */
export interface LibraryTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: (number | undefined)[]; tokens: string[] };
  token_to_id(token: string): number | undefined;
}

interface Library {
  readonly Tokenizer: new (json: JsonRecord, config: JsonRecord) => LibraryTokenizer;
  readonly ReplaceDecoder: new (config: { type: 'Replace'; pattern: Pattern; content: string }) => {
    decode_chain(tokens: string[]): string[];
  };
}

export function openLibraryTokenizer(json: JsonRecord): LibraryTokenizer {
  const { Tokenizer } = library as unknown as Library;
  return new Tokenizer(json, {});
}

/** A function that replaces what an Oniguruma pattern matches; the library translates the pattern. */
export function patternReplacer(pattern: Pattern, content: string): (text: string) => string {
  const { ReplaceDecoder } = library as unknown as Library;
  // In a replacement, JavaScript takes `$` for a reference to the match.
  const decoder = new ReplaceDecoder({ type: 'Replace', pattern, content: content.replaceAll('$', '$$$$') });
  return (text) => decoder.decode_chain([text])[0] ?? '';
}
