/** Options of a read or of an open. */
export interface ReadOptions {
  /** Aborts the read; the promise rejects with `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

/** An opened file of which any range can be read, in any order and concurrently. */
export interface RandomAccessFile {
  /** Length in bytes. */
  readonly size: number;
  /**
   * Reads exactly `length` bytes from `offset` on, into an array that begins its own buffer: views of any element type
   * can be made over it without a copy.
   *
   * @throws {@link ModelFormatError} when the range is not inside the file.
   * @throws {@link DownloadError} when a remote file cannot be fetched.
   * @throws {@link OutOfMemoryError} when the bytes cannot be held.
   */
  read(offset: number, length: number, options?: ReadOptions): Promise<Uint8Array<ArrayBuffer>>;
  /** Frees what the handle holds. Calling it twice is harmless. */
  close?(): Promise<void>;
}

/** A flat set of named files: a directory, a folder of a server, picked files, or memory. */
export interface FileSource {
  /** How messages call the source: a path, an address, `files` or `memory`. */
  readonly name: string;
  /** Paths of all files, relative, with `/` between folders. Absent where a source cannot list, as over HTTP. */
  list?(): Promise<string[]>;
  /**
   * Opens a file; resolves to `undefined` when the source has none under this path.
   *
   * @param path - relative, with `/` between folders and without `..`
   * @throws {@link ModelFormatError} when the path is not a plain relative one, or the file cannot be opened.
   * @throws {@link DownloadError} when the server answers with an error other than "not found".
   */
  open(path: string, options?: ReadOptions): Promise<RandomAccessFile | undefined>;
}

/** True for objects that can be used as a {@link FileSource}. */
export function isFileSource(value: unknown): value is FileSource {
  return typeof value === 'object' && value !== null && typeof (value as Partial<FileSource>).open === 'function';
}
