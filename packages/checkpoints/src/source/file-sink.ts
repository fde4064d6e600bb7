/** Bytes of a file in pieces, in order. A writer is done with a piece before it asks for the next. */
export type ByteChunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Where a model's files are written: a directory, or memory. */
export interface FileSink {
  /** How messages call the sink. */
  readonly name: string;
  /**
   * Writes a whole file, and replaces one that is there. If `chunks` throws, no file with this path is left half written.
   *
   * @param path - relative, with `/` between folders
   * @throws {@link ModelFormatError} when the path is not a plain relative one.
   */
  write(path: string, chunks: ByteChunks): Promise<void>;
  /** Deletes a file if it is there. */
  remove?(path: string): Promise<void>;
}
