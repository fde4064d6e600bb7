import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileSource } from '@tessera/checkpoints';
import { directorySource, readJson, readJsonIfPresent } from '@tessera/checkpoints';
import { byteEncoder, encodeByWord, splitsByWord } from '@tessera/data';
import type { TextEncoderToIds } from '@tessera/data';
import { createTokenizer } from '@tessera/text';

/** What turns texts into ids, and the files that go along with the model; none for bytes. */
export interface OpenedTokenizer {
  readonly encoder: TextEncoderToIds;
  readonly source: FileSource | undefined;
}

/** Opens a directory with `tokenizer.json`, that file itself, or `bytes`: ids 0 to 255, and 256 ends a text. */
export async function openTokenizer(given: string, signal: AbortSignal): Promise<OpenedTokenizer> {
  if (given === 'bytes') return { encoder: byteEncoder, source: undefined };
  const found = await stat(given).catch(() => undefined);
  const source = await directorySource(found?.isFile() ? dirname(given) : given);
  const tokenizerJson = (await readJson(source, 'tokenizer.json', {
    signal,
    limit: 128 * 2 ** 20,
    protoKeys: 'keep',
  })) as object;
  const tokenizerConfig = (await readJsonIfPresent(source, 'tokenizer_config.json', { signal })) as object | undefined;
  const tokenizer = createTokenizer({ tokenizerJson, ...(tokenizerConfig && { tokenizerConfig }) });
  return { encoder: splitsByWord(tokenizerJson) ? encodeByWord(tokenizer) : tokenizer, source };
}
