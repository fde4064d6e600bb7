import {
  arrayAt,
  booleanAt,
  fieldError,
  isRecord,
  jsonRecord,
  kindOf,
  own,
  recordAt,
  stringAt,
} from '../format/field-check.ts';
import type { JsonRecord } from '../format/field-check.ts';
import { limits } from './limits.ts';

/** The fields of `tokenizer_config.json` that are read here. */
export interface TokenizerConfig {
  readonly bosToken: string | undefined;
  readonly eosToken: string | undefined;
  readonly padToken: string | undefined;
  /** Every token that the file calls special. */
  readonly specialTokens: ReadonlySet<string>;
  readonly addedTokensDecoder: ReadonlyMap<number, unknown>;
  readonly modelMaxLength: number | undefined;
  /** Undefined: the post-processor of `tokenizer.json` decides. */
  readonly addBosToken: boolean | undefined;
  readonly addEosToken: boolean | undefined;
  readonly cleanUpTokenizationSpaces: boolean;
}

const file = 'tokenizer_config.json';

/** Tokens are spelled as text or as `{ content }`. */
function tokenAt(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (isRecord(value)) return stringAt(own(value, 'content'), file, `${field}.content`, limits.token);
  return stringAt(value, file, field, limits.token);
}

function tokenList(value: unknown, field: string): string[] {
  if (value === undefined || value === null) return [];
  const entries = isRecord(value) ? Object.values(value) : arrayAt(value, file, field, limits.addedTokens);
  return entries.map((entry, index) => tokenAt(entry, `${field}[${index}]`)).filter((token) => token !== undefined);
}

function addedTokensDecoder(value: unknown): Map<number, unknown> {
  const tokens = new Map<number, unknown>();
  if (value === undefined || value === null) return tokens;
  for (const [key, entry] of Object.entries(recordAt(value, file, 'added_tokens_decoder'))) {
    if (!/^\d{1,9}$/.test(key))
      throw fieldError(file, 'added_tokens_decoder', `has the key ${kindOf(key)}, expected ids.`);
    tokens.set(Number(key), entry);
  }
  return tokens;
}

function optionalBoolean(json: JsonRecord, name: string): boolean | undefined {
  const value = own(json, name);
  return value === undefined || value === null ? undefined : booleanAt(value, file, name, false);
}

/** A length that no machine reaches (transformers writes 10³⁰) stands for “no limit”. */
function maxLength(value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !(value >= 1))
    throw fieldError(file, 'model_max_length', `is ${kindOf(value)}, expected a number of at least 1.`);
  return value > 2 ** 40 ? undefined : Math.floor(value);
}

/** Checks a tokenizer configuration; an absent one is an empty one. */
export function readTokenizerConfig(source: string | object | undefined): TokenizerConfig {
  const json = source === undefined ? {} : jsonRecord(source, file, limits.json);
  const named = ['bos_token', 'eos_token', 'pad_token', 'unk_token', 'sep_token', 'cls_token', 'mask_token'];
  const tokens = new Map(named.map((name) => [name, tokenAt(own(json, name), name)]));
  const listed = ['additional_special_tokens', 'extra_special_tokens'].flatMap((name) =>
    tokenList(own(json, name), name),
  );
  return {
    bosToken: tokens.get('bos_token'),
    eosToken: tokens.get('eos_token'),
    padToken: tokens.get('pad_token'),
    specialTokens: new Set([...tokens.values(), ...listed].filter((token) => token !== undefined)),
    addedTokensDecoder: addedTokensDecoder(own(json, 'added_tokens_decoder')),
    modelMaxLength: maxLength(own(json, 'model_max_length')),
    addBosToken: optionalBoolean(json, 'add_bos_token'),
    addEosToken: optionalBoolean(json, 'add_eos_token'),
    cleanUpTokenizationSpaces: optionalBoolean(json, 'clean_up_tokenization_spaces') ?? false,
  };
}
