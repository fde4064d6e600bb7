/** Windows of tokens to train on. A window holds one token more than the model sees: inputs are its first T tokens, targets its last T. */
export interface TokenBatch {
  /** Number of windows B. */
  readonly rows: number;
  /** Positions of a window that the model sees, T, each with a target. */
  readonly context: number;
  /** `[B, T + 1]` row by row. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /**
   * `[B, T + 1]`: the document of each token, counted from 0 in each window; absent where documents flow into each other. A document must not see another,
   * and a token whose document is not that of the token before is no target.
   */
  readonly segments?: Int32Array<ArrayBuffer>;
}

/** Options of {@link TokenSource.next}. */
export interface NextBatchOptions {
  /** Aborts the preparation; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Batches in an order that is the same on every machine, from any position on. A training that saves {@link TokenSource.position} and gives it to
 * {@link TokenSource.seek} goes on with the batches of an unbroken run.
 */
export interface TokenSource {
  /** How messages call the data. */
  readonly name: string;
  /** Differs for sources that give other batches, so that training is not resumed on another source. */
  readonly identity: string;
  /** Windows of a batch B. The last of {@link TokenSource.batches} may have fewer where the source says so. */
  readonly rows: number;
  /** Positions of a window that the model sees, T, each with a target. */
  readonly context: number;
  /** One more than the largest id. */
  readonly vocabSize: number;
  /** Batches from position 0 to the end; `Infinity` where there is none. */
  readonly batches: number;
  /** The next batch, new memory each time; `undefined` after the last. */
  next(options?: NextBatchOptions): Promise<TokenBatch | undefined>;
  /** Number of the batch that {@link TokenSource.next} gives. */
  position(): number;
  /**
   * Goes to a batch at once, whatever its number.
   *
   * @throws {@link UnsupportedOptionError} if the position is not a whole number from 0 to {@link TokenSource.batches}.
   */
  seek(position: number): void;
}
