import { compileDecoder } from '../decoding/compile-decoder.ts';
import { openTextStream } from '../decoding/text-stream.ts';
import { jsonRecord, own } from '../format/field-check.ts';
import { readAddedTokens } from './added-token.ts';
import { limits } from './limits.ts';
import { readSpecialFrame } from './special-frame.ts';
import type { SpecialFrame } from './special-frame.ts';
import { createSegmentEncoder } from './text-encoder.ts';
import type { Tokenizer } from './tokenizer.ts';
import { readTokenizerConfig } from './tokenizer-config.ts';
import type { TokenizerConfig } from './tokenizer-config.ts';
import { readVocabulary } from './vocabulary.ts';

/** What a tokenizer is made from. */
export interface TokenizerFiles {
  /** `tokenizer.json`, as text or parsed. */
  readonly tokenizerJson: string | object;
  /** `tokenizer_config.json`, as text or parsed. */
  readonly tokenizerConfig?: string | object;
  /** Rows of the model's embedding; special tokens beyond them are warned about. */
  readonly modelVocabSize?: number;
  /**
   * Longest text that is encoded at once, in UTF-16 code units.
   * @defaultValue 2 000 000
   */
  readonly maxTextLength?: number;
  /** Told of things that are odd and do no harm, such as a special token that the vocabulary lacks. */
  readonly onWarning?: (message: string) => void;
}

/** An explicit setting of the configuration wins over the post-processor, as in transformers. */
function frameOf(config: TokenizerConfig, processor: SpecialFrame): SpecialFrame {
  if (config.addBosToken === undefined && config.addEosToken === undefined) return processor;
  return {
    before: config.addBosToken === true && config.bosToken !== undefined ? [config.bosToken] : [],
    after: config.addEosToken === true && config.eosToken !== undefined ? [config.eosToken] : [],
  };
}

/**
 * Makes a tokenizer from the files of a model. They are checked first; nothing in them is executed.
 *
 * {@includeCode ../../examples/tokenize.ts#tokenize}
 *
 * @throws {@link ModelFormatError} if a file is malformed; the message names the file and the field.
 */
export function createTokenizer(files: TokenizerFiles): Tokenizer {
  const { modelVocabSize = Infinity, maxTextLength = 2_000_000, onWarning = () => {} } = files;
  const json = jsonRecord(files.tokenizerJson, 'tokenizer.json', limits.json);
  const config = readTokenizerConfig(files.tokenizerConfig);
  const vocabulary = readVocabulary(own(json, 'model'));
  const added = readAddedTokens(json, config, vocabulary);
  const frame = frameOf(config, readSpecialFrame(own(json, 'post_processor')));
  const cleanUp = config.cleanUpTokenizationSpaces && vocabulary.type !== 'BPE'; // it would corrupt BPE, and transformers ignores it there
  const decoder = compileDecoder(own(json, 'decoder'), cleanUp);
  const encodePlainly = createSegmentEncoder(json, vocabulary, added, maxTextLength);
  const { ids, tokens } = vocabulary;

  const idOf = (token: string | undefined, role: string): number | undefined => {
    if (token === undefined) return undefined;
    const id = ids.get(token);
    if (id === undefined)
      onWarning(`${role} ${JSON.stringify(token)} is not in the vocabulary of the tokenizer; it is ignored.`);
    else if (id >= modelVocabSize)
      onWarning(`${role} ${JSON.stringify(token)} has id ${id}, but the model has only ${modelVocabSize} rows.`);
    return id;
  };
  const idsOf = (names: readonly string[]): number[] =>
    names.map((token) => idOf(token, 'post_processor:')).filter((id) => id !== undefined);
  const before = idsOf(frame.before);
  const after = idsOf(frame.after);
  const addedIds = new Set(added.map(({ id }) => id));
  const specialIds = new Set(added.filter(({ special }) => special).map(({ id }) => id));
  const table = { tokens, addedIds, specialIds, decoder };

  const encodeSegments: Tokenizer['encodeSegments'] = (segments, { addSpecialTokens = false } = {}) => {
    const encoded = encodePlainly(segments);
    return addSpecialTokens ? [...before, ...encoded, ...after] : encoded;
  };

  return {
    vocabSize: tokens.length,
    bosId: idOf(config.bosToken, 'bos_token'),
    eosId: idOf(config.eosToken, 'eos_token'),
    padId: idOf(config.padToken, 'pad_token'),
    specialIds,
    controlTokens: new Set(added.filter(({ control }) => control).map(({ content }) => content)),
    modelMaxLength: config.modelMaxLength,
    encode: (text, { parseSpecial = false, ...options } = {}) => encodeSegments([{ text, parseSpecial }], options),
    encodeSegments,
    decode(encoded, options) {
      const stream = openTextStream(table, options);
      let text = '';
      for (const id of encoded) text += stream.push(id);
      return text + stream.flush();
    },
    openTextStream: (options) => openTextStream(table, options),
    tokenToId: (token) => ids.get(token),
    idToToken: (id) => tokens[id],
  };
}
