/** What a row consists of so far. */
export interface TokenHistory {
  /** Ids of the prompt. */
  readonly prompt: ArrayLike<number>;
  /** Ids generated since; their number is the step. */
  readonly generated: ArrayLike<number>;
  /** Ids that end a text, which `minNewTokens` holds back. @defaultValue none */
  readonly endIds?: readonly number[] | undefined;
  /** Number of the row in its batch; rows draw different numbers. @defaultValue 0 */
  readonly row?: number | undefined;
}
