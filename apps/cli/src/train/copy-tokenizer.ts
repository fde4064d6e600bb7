import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { directorySource, readTextIfPresent } from '@tessera/checkpoints';
import type { FileSource } from '@tessera/checkpoints';

/** Copies the files of a tokenizer that a directory does not have. */
export async function copyTokenizer(source: FileSource, out: string): Promise<void> {
  const there = await directorySource(out);
  for (const name of ['tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
    const text = await readTextIfPresent(source, name, { limit: 128 * 2 ** 20 });
    const before = await there.open(name);
    await before?.close?.();
    if (text !== undefined && !before) await writeFile(join(out, name), text);
  }
}
