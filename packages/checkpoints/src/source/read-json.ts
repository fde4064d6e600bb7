import { ModelFormatError } from '@tessera/tensor-core';
import type { FileSource, ReadOptions } from './file-source.ts';
import { parseJson, type ParseJsonOptions } from './parse-json.ts';

/** Options of {@link readText}. */
export interface ReadTextOptions extends ReadOptions {
  /** Largest file in bytes. @defaultValue 4 MiB; 128 MiB for `tokenizer.json` */
  readonly limit?: number | undefined;
}

/** Options of {@link readJson}. */
export interface ReadJsonOptions extends ReadTextOptions, Omit<ParseJsonOptions, 'file'> {}

/**
 * Reads a UTF-8 text file.
 *
 * @throws {@link ModelFormatError} when the file is missing, larger than the limit, or not UTF-8.
 */
export async function readText(source: FileSource, path: string, options: ReadTextOptions = {}): Promise<string> {
  return (await readTextIfPresent(source, path, options)) ?? failMissing(source, path);
}

/** Like {@link readText}, and `undefined` when the source has no such file. */
export async function readTextIfPresent(
  source: FileSource,
  path: string,
  { limit, signal }: ReadTextOptions = {},
): Promise<string | undefined> {
  const file = await source.open(path, { signal });
  if (file === undefined) return undefined;
  try {
    const most = limit ?? defaultLimit(path);
    if (file.size > most) {
      throw new ModelFormatError(
        `${path}: the file has ${file.size} bytes, expected at most ${most}. It is not what its name says; check where it comes from.`,
        {
          facts: { source: source.name, path, size: file.size, limit: most },
        },
      );
    }
    return decode(path, await file.read(0, file.size, { signal }));
  } finally {
    await file.close?.();
  }
}

/**
 * Reads a JSON file such as `config.json`; see {@link parseJson} for what it accepts.
 *
 * @throws {@link ModelFormatError} when the file is missing, too large, or not JSON; the message has file, line and column.
 */
export async function readJson(source: FileSource, path: string, options: ReadJsonOptions = {}): Promise<unknown> {
  return parseJson(await readText(source, path, options), { ...options, file: path });
}

/** Like {@link readJson}, and `undefined` when the source has no such file. */
export async function readJsonIfPresent(
  source: FileSource,
  path: string,
  options: ReadJsonOptions = {},
): Promise<unknown> {
  const text = await readTextIfPresent(source, path, options);
  return text === undefined ? undefined : parseJson(text, { ...options, file: path });
}

function defaultLimit(path: string): number {
  return path === 'tokenizer.json' || path.endsWith('/tokenizer.json') ? 128 * 2 ** 20 : 4 * 2 ** 20;
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ModelFormatError(`${path}: the bytes are not UTF-8 text. The file is damaged; fetch it again.`, {
      cause,
      facts: { path },
    });
  }
}

function failMissing(source: FileSource, path: string): never {
  throw new ModelFormatError(`${source.name}: there is no ${path}. Check the address and the folder of the model.`, {
    facts: { source: source.name, path },
  });
}
