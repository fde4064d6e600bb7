import { arrayAt, booleanAt, fieldError, integerAt, kindOf, own, recordAt, stringAt } from '../format/field-check.ts';
import type { JsonRecord } from '../format/field-check.ts';
import { limits } from './limits.ts';
import type { TokenizerConfig } from './tokenizer-config.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A token that is looked for in the text before the model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Searched in the normalised text rather than in the raw one. */
  readonly normalized: boolean;
  /** Left out of decoded text on request. */
  readonly special: boolean;
  /** Never made from plain text: special, or spelled like the delimiters of a chat template. */
  readonly control: boolean;
}

/** Some published chat models do not flag their turn markers as special (`<｜User｜>`); nobody means them as text. */
const delimiter = /^<[|｜].*[|｜]>$/su;

function readAddedToken(
  value: unknown,
  file: string,
  field: string,
  specials: ReadonlySet<string>,
  forcedId?: number,
): AddedToken {
  const entry = recordAt(value, file, field);
  const id = integerAt(forcedId ?? own(entry, 'id'), file, `${field}.id`, limits.vocabulary);
  const content = stringAt(own(entry, 'content'), file, `${field}.content`, limits.token);
  if (content === '') throw fieldError(file, `${field}.content`, 'is empty.');
  const flag = (name: string, fallback: boolean): boolean =>
    booleanAt(own(entry, name), file, `${field}.${name}`, fallback);
  const special = flag('special', false) || specials.has(content);
  return {
    id,
    content,
    lstrip: flag('lstrip', false),
    rstrip: flag('rstrip', false),
    normalized: flag('normalized', !special),
    special,
    control: special || delimiter.test(content),
  };
}

/** Enters the added tokens of both files into the vocabulary and returns them. */
export function readAddedTokens(json: JsonRecord, config: TokenizerConfig, vocabulary: Vocabulary): AddedToken[] {
  const added = new Map<string, AddedToken>();
  const enter = (token: AddedToken, file: string, field: string): void => {
    const { content, id } = token;
    const takenId = vocabulary.ids.get(content);
    const takenToken = vocabulary.tokens[id];
    if (takenId !== undefined && takenId !== id)
      throw fieldError(file, `${field}.id`, `is ${id}, but ${kindOf(content)} already has id ${takenId}.`);
    if (takenToken !== undefined && takenToken !== content)
      throw fieldError(file, `${field}.id`, `is ${id}, which ${kindOf(takenToken)} has too.`);
    vocabulary.ids.set(content, id);
    vocabulary.tokens[id] = content;
    added.set(content, token);
  };
  for (const [index, entry] of arrayAt(
    own(json, 'added_tokens') ?? [],
    'tokenizer.json',
    'added_tokens',
    limits.addedTokens,
  ).entries()) {
    const field = `added_tokens[${index}]`;
    enter(readAddedToken(entry, 'tokenizer.json', field, config.specialTokens), 'tokenizer.json', field);
  }
  for (const [id, entry] of config.addedTokensDecoder) {
    const field = `added_tokens_decoder[${id}]`;
    const token = readAddedToken(entry, 'tokenizer_config.json', field, config.specialTokens, id);
    const known = added.get(token.content);
    if (known === undefined || (token.special && !known.special)) {
      enter(known === undefined ? token : { ...known, special: true, control: true }, 'tokenizer_config.json', field);
    }
  }
  // A special token that only the configuration names, and that the model already knows, is matched in text too.
  for (const content of config.specialTokens) {
    const id = vocabulary.ids.get(content);
    if (id !== undefined && content !== '' && !added.has(content)) {
      added.set(content, {
        id,
        content,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
        control: true,
      });
    }
  }
  return [...added.values()];
}
