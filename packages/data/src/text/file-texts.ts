import type { FileSource, RandomAccessFile } from '@tessera/checkpoints';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import { DataError } from '../data-error.ts';
import { jsonLinePieces } from './json-lines.ts';
import { plainTextPieces } from './plain-text.ts';
import { readText } from './read-range.ts';
import type { ByteRange } from './read-range.ts';
import { splitAtEnd } from './split-at-end.ts';
import type { ReadTextsOptions, TextPiece, TextSource } from './text-source.ts';

/** Which part of every file is read. */
export interface EndSplit {
  /** What comes before the border, or what follows it. */
  readonly part: 'train' | 'validation';
  /**
   * Share of the characters kept for validation, between 0 and 1. The border is after the first newline at or after the others.
   * @defaultValue 0.05
   */
  readonly fraction?: number;
}

/** How files are read. */
export interface FileTextsOptions {
  /**
   * `text`: the file is one document, or several with `separator` between them. `jsonl`: each line is a JSON object with a document in one field.
   * @defaultValue `jsonl` for names that end in `.jsonl` or `.ndjson`, else `text`
   */
  readonly format?: 'text' | 'jsonl';
  /**
   * The field of JSONL that holds the text.
   * @defaultValue 'text'
   */
  readonly field?: string;
  /** What stands between two documents of a plain text, for example `'\n<|endoftext|>\n'`. Absent: a file is one document. */
  readonly separator?: string;
  /** Reads only the beginning or only the end of every file. Absent: all of it. */
  readonly split?: EndSplit;
}

function isJsonLines(path: string, format: FileTextsOptions['format']): boolean {
  return format === undefined ? /\.(jsonl|ndjson)$/i.test(path) : format === 'jsonl';
}

async function rangeOf(
  file: RandomAccessFile,
  name: string,
  split: EndSplit | undefined,
  signal: AbortSignal | undefined,
): Promise<ByteRange> {
  if (split === undefined) return { start: 0, end: file.size };
  const border = await splitAtEnd(file, name, 1 - (split.fraction ?? 0.05), signal);
  return split.part === 'train' ? { start: 0, end: border } : { start: border, end: file.size };
}

/**
 * Texts of files, streamed: a file of any size takes a few megabytes. The files must be UTF-8.
 *
 * @param paths - files of `files`, read in this order
 * @throws {@link UnsupportedOptionError} if a fraction is not between 0 and 1, or the separator is empty.
 * @throws {@link DataError} while reading, if a file is missing, is not UTF-8, or a line of JSONL has no text in the field.
 */
export function fileTexts(files: FileSource, paths: readonly string[], options: FileTextsOptions = {}): TextSource {
  const { format, field = 'text', separator, split } = options;
  const fraction = split?.fraction ?? 0.05;
  if (!(fraction > 0 && fraction < 1))
    throw new UnsupportedOptionError(`split.fraction is ${fraction}, expected a number between 0 and 1.`, {
      facts: { fraction },
    });
  if (separator === '')
    throw new UnsupportedOptionError('separator is empty, which is between any two characters. Leave it out.');

  async function* piecesOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<TextPiece> {
    const name = `${files.name}/${path}`;
    const file = await files.open(path, { signal });
    if (file === undefined)
      throw new DataError(`${name}: there is no such file. Correct the path.`, { facts: { file: name } });
    try {
      const chunks = readText(file, await rangeOf(file, name, split, signal), name, signal);
      yield* isJsonLines(path, format) ? jsonLinePieces(chunks, name, field) : plainTextPieces(chunks, separator);
    } finally {
      await file.close?.();
    }
  }

  return {
    name: paths.length === 1 ? `${files.name}/${paths[0]}` : `${files.name} (${paths.length} files)`,
    async *pieces({ signal }: ReadTextsOptions = {}) {
      for (const [i, path] of paths.entries())
        for await (const piece of piecesOf(path, signal))
          yield { ...piece, progress: (i + piece.progress) / paths.length };
    },
  };
}
