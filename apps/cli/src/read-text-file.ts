import { readFile } from 'node:fs/promises';
import { TesseraError } from '@tessera/tensor-core';

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a directory',
  EACCES: 'it may not be read',
};

/**
 * The text of a file, every character of it.
 * @throws {@link TesseraError} with the code `TEXT_FILE` when it cannot be read, or is not UTF-8
 */
export async function readTextFile(file: string, signal: AbortSignal): Promise<string> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(file, { signal });
  } catch (cause) {
    signal.throwIfAborted();
    const { code = '', message } = cause as NodeJS.ErrnoException;
    throw new TesseraError('TEXT_FILE', `${file}: ${reasons[code] ?? message}, expected a text file. Check the path.`, {
      cause,
      facts: { file, reason: code },
    });
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new TesseraError('TEXT_FILE', `${file}: it is not UTF-8 text. Convert it first.`, { cause, facts: { file } });
  }
}
