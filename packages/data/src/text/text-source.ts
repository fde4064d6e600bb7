/** A run of text of one document. */
export interface TextPiece {
  /**
   * The text; empty only where a document ends right after the piece before. Between two pieces of a document the pre-tokenizers of byte-level BPE
   * models split as well, so that pieces can be tokenised one by one.
   */
  readonly text: string;
  /** Whether the document ends with this piece. */
  readonly end: boolean;
  /** Share of the whole source that is read with this piece, 0 to 1. */
  readonly progress: number;
}

/** Options of reading texts. */
export interface ReadTextsOptions {
  /** Aborts the reading; the iterator rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** Texts that can be read as often as wanted, each time the same in the same order. */
export interface TextSource {
  /** How messages call the texts. */
  readonly name: string;
  /** Reads all documents, in pieces. */
  pieces(options?: ReadTextsOptions): AsyncIterable<TextPiece>;
}
