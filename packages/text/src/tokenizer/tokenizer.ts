import type { TextStream, TextStreamOptions } from '../decoding/text-stream.ts';

/** A run of text and whether special tokens that it spells are meant. */
export interface TextSegment {
  readonly text: string;
  /**
   * Whether the spelling of a special token stands for the token. Off for everything that a user or a tool wrote.
   * @defaultValue false
   */
  readonly parseSpecial?: boolean;
}

/** How a text is encoded. */
export interface EncodeOptions {
  /**
   * Puts the tokens around the text that the files ask for: those of `add_bos_token` and `add_eos_token` where the configuration has them, else those of
   * the post-processor.
   * @defaultValue false
   */
  readonly addSpecialTokens?: boolean;
  /**
   * Whether the spelling of a special token stands for the token; off, it is text like any other.
   * @defaultValue false
   */
  readonly parseSpecial?: boolean;
}

/** How ids are decoded. */
export type DecodeOptions = TextStreamOptions;

/** Text to token ids and back. Made by {@link createTokenizer}. */
export interface Tokenizer {
  /** One more than the largest id. The model may have more rows. */
  readonly vocabSize: number;
  /** Beginning of a sequence, where the configuration names it. */
  readonly bosId: number | undefined;
  /** End of a sequence, where the configuration names it. */
  readonly eosId: number | undefined;
  /** Padding, where the configuration names it. */
  readonly padId: number | undefined;
  /** All special tokens. */
  readonly specialIds: ReadonlySet<number>;
  /** Spellings that only {@link TextSegment.parseSpecial} turns into their token: the special ones and those like `<|user|>`. */
  readonly controlTokens: ReadonlySet<string>;
  /** `model_max_length` of the configuration, in tokens; undefined where it is missing or stands for “no limit”. */
  readonly modelMaxLength: number | undefined;
  /**
   * Encodes a text. Special tokens that it spells stay text unless `parseSpecial` is set.
   * @throws {@link ContextOverflowError} if the text is longer than `maxTextLength`.
   * @throws {@link ModelFormatError} if a character is outside a vocabulary that has no token for unknown ones.
   */
  encode(text: string, options?: EncodeOptions): number[];
  /**
   * Encodes segments as one text: tokens may reach over their borders, special tokens may not.
   * @throws {@link ContextOverflowError} if the text is longer than `maxTextLength`.
   * @throws {@link ModelFormatError} if a character is outside a vocabulary that has no token for unknown ones.
   */
  encodeSegments(segments: readonly TextSegment[], options?: Pick<EncodeOptions, 'addSpecialTokens'>): number[];
  /** Decodes ids; an id without a token adds nothing. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** Opens a decoder that takes one id at a time. */
  openTextStream(options?: DecodeOptions): TextStream;
  /** The id of a token as the vocabulary spells it. */
  tokenToId(token: string): number | undefined;
  /** The token of an id as the vocabulary spells it. */
  idToToken(id: number): string | undefined;
}
