/** What turns text into ids: a `Tokenizer` of `@tessera/text`, {@link byteEncoder}, or one's own. */
export interface TextEncoderToIds {
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** The id that ends a document, where there is one. */
  readonly eosId?: number | undefined;
  /** Ids of a text, without special tokens around it. */
  encode(text: string): ArrayLike<number>;
}

/** Bytes of UTF-8 as ids 0 to 255; 256 ends a document. */
export const byteEncoder: TextEncoderToIds = {
  vocabSize: 257,
  eosId: 256,
  encode: (text) => new TextEncoder().encode(text),
};
