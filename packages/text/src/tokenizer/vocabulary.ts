import { arrayAt, fieldError, integerAt, isInteger, kindOf, own, recordAt, stringAt } from '../format/field-check.ts';
import type { JsonRecord } from '../format/field-check.ts';
import { limits } from './limits.ts';

type ModelType = 'BPE' | 'WordPiece' | 'Unigram';

/** The checked `model` of a tokenizer file. */
export interface Vocabulary {
  readonly type: ModelType;
  readonly model: JsonRecord;
  /** Token to id. */
  readonly ids: Map<string, number>;
  /** Id to token; ids without a token are holes. */
  readonly tokens: (string | undefined)[];
}

const file = 'tokenizer.json';

/** Older files leave `type` out; the fields tell the models apart. */
function modelType(model: JsonRecord): ModelType {
  const type = own(model, 'type');
  if (type === 'BPE' || type === 'WordPiece' || type === 'Unigram') return type;
  if (type !== undefined)
    throw fieldError(file, 'model.type', `is ${kindOf(type)}, expected "BPE", "WordPiece" or "Unigram".`);
  if (Array.isArray(own(model, 'vocab'))) return 'Unigram';
  if (own(model, 'merges') !== undefined) return 'BPE';
  if (own(model, 'continuing_subword_prefix') !== undefined) return 'WordPiece';
  throw fieldError(file, 'model.type', 'is missing, expected "BPE", "WordPiece" or "Unigram".');
}

function mapVocabulary(value: unknown, ids: Map<string, number>, tokens: (string | undefined)[]): void {
  const vocab = recordAt(value, file, 'model.vocab');
  const entries = Object.entries(vocab);
  if (entries.length > limits.vocabulary)
    throw fieldError(file, 'model.vocab', `has ${entries.length} entries, at most ${limits.vocabulary} are read.`);
  const field = (token: string): string => `model.vocab[${kindOf(token)}]`; // named only when needed: there are many
  for (const [token, id] of entries) {
    if (token.length > limits.token)
      throw fieldError(file, field(token), `has ${token.length} characters, at most ${limits.token} are read.`);
    if (!isInteger(id, limits.vocabulary))
      throw fieldError(file, field(token), `is ${kindOf(id)}, expected an integer from 0 to ${limits.vocabulary - 1}.`);
    if (tokens[id] !== undefined)
      throw fieldError(file, field(token), `has id ${id}, which ${kindOf(tokens[id])} has too.`);
    ids.set(token, id);
    tokens[id] = token;
  }
}

function listVocabulary(value: unknown, ids: Map<string, number>, tokens: (string | undefined)[]): void {
  for (const [id, entry] of arrayAt(value, file, 'model.vocab', limits.vocabulary).entries()) {
    if (!Array.isArray(entry) || entry.length !== 2 || typeof entry[0] !== 'string' || !Number.isFinite(entry[1])) {
      throw fieldError(file, `model.vocab[${id}]`, `is ${kindOf(entry)}, expected [token, finite score].`);
    }
    const token = stringAt(entry[0], file, `model.vocab[${id}]`, limits.token);
    if (ids.has(token))
      throw fieldError(file, `model.vocab[${id}]`, `is ${kindOf(token)}, which id ${ids.get(token)} has too.`);
    ids.set(token, id);
    tokens[id] = token;
  }
}

/** Splits one merge into its two parts, whichever of the two published spellings it has. */
export function mergeParts(merge: unknown): readonly [string, string] | undefined {
  const parts: readonly unknown[] = typeof merge === 'string' ? merge.split(' ') : Array.isArray(merge) ? merge : [];
  const [left, right] = parts;
  return parts.length === 2 && typeof left === 'string' && typeof right === 'string' && left !== '' && right !== ''
    ? [left, right]
    : undefined;
}

function checkMerges(value: unknown, ids: ReadonlyMap<string, number>): void {
  const merges = arrayAt(value, file, 'model.merges', limits.merges);
  const first = typeof merges[0];
  for (const [index, merge] of merges.entries()) {
    const parts = mergeParts(merge);
    if (parts === undefined || typeof merge !== first) {
      throw fieldError(
        file,
        `model.merges[${index}]`,
        `is ${kindOf(merge)}, expected a pair of tokens, spelled like the first one.`,
      );
    }
    for (const token of [...parts, parts[0] + parts[1]]) {
      if (!ids.has(token))
        throw fieldError(
          file,
          `model.merges[${index}]`,
          `needs the token ${kindOf(token)}, which model.vocab does not have.`,
        );
    }
  }
}

function checkUnknown(type: ModelType, model: JsonRecord, ids: ReadonlyMap<string, number>): void {
  if (type === 'Unigram') {
    const id = own(model, 'unk_id');
    if (id !== undefined && id !== null) integerAt(id, file, 'model.unk_id', ids.size);
    return;
  }
  const token = own(model, 'unk_token');
  if ((token === undefined || token === null) && type === 'BPE') return;
  if (!ids.has(stringAt(token, file, 'model.unk_token', limits.token)))
    throw fieldError(file, 'model.unk_token', `is ${kindOf(token)}, which model.vocab does not have.`);
}

/** Settings that the library reads differently from the reference; refused rather than tokenised differently. */
function checkSettings(type: ModelType, model: JsonRecord): void {
  for (const name of ['fuse_unk', 'byte_fallback', 'ignore_merges']) {
    const value = own(model, name);
    if (value !== undefined && value !== null && typeof value !== 'boolean')
      throw fieldError(file, `model.${name}`, `is ${kindOf(value)}, expected true or false.`);
  }
  for (const name of ['continuing_subword_prefix', 'end_of_word_suffix']) {
    const value = own(model, name) ?? '';
    stringAt(value, file, `model.${name}`, limits.token);
    if (type === 'BPE' && name === 'continuing_subword_prefix' && value !== '')
      throw fieldError(file, `model.${name}`, `is ${kindOf(value)}: not supported for BPE.`);
  }
  const dropout = own(model, 'dropout') ?? 0;
  if (dropout !== 0)
    throw fieldError(
      file,
      'model.dropout',
      `is ${kindOf(dropout)}: random tokenisation is not supported. Set it to null.`,
    );
  const longest = own(model, 'max_input_chars_per_word');
  if (longest !== undefined && longest !== null) integerAt(longest, file, 'model.max_input_chars_per_word', 1025);
}

/** Checks `model` of a tokenizer file and indexes its vocabulary. */
export function readVocabulary(value: unknown): Vocabulary {
  const model = recordAt(value, file, 'model');
  const type = modelType(model);
  const ids = new Map<string, number>();
  const tokens: (string | undefined)[] = [];
  (type === 'Unigram' ? listVocabulary : mapVocabulary)(own(model, 'vocab'), ids, tokens);
  if (ids.size === 0) throw fieldError(file, 'model.vocab', 'is empty.');
  if (type === 'BPE') checkMerges(own(model, 'merges'), ids);
  checkUnknown(type, model, ids);
  checkSettings(type, model);
  return { type, model, ids, tokens };
}
