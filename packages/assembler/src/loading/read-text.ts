import type { FileSource } from '@tessera/checkpoints';
import { readJsonIfPresent, readTextIfPresent } from '@tessera/checkpoints';
import { chatTemplateOf, createTokenizer } from '@tessera/text';
import type { ModelText } from '../model/model.ts';

const tokenizerLimit = 128 * 2 ** 20;

/** The tokenizer and chat template of a checkpoint; undefined when it has no `tokenizer.json`. */
export async function readText(
  source: FileSource,
  modelVocabSize: number,
  signal: AbortSignal | undefined,
  onWarning: ((warning: string) => void) | undefined,
): Promise<ModelText | undefined> {
  const tokenizerJson = await readJsonIfPresent(source, 'tokenizer.json', {
    signal,
    limit: tokenizerLimit,
    protoKeys: 'keep',
  });
  if (tokenizerJson === undefined) return undefined;
  const tokenizerConfig = (await readJsonIfPresent(source, 'tokenizer_config.json', { signal })) as object | undefined;
  const template = await readTextIfPresent(source, 'chat_template.jinja', { signal });
  const tokenizer = createTokenizer({
    tokenizerJson: tokenizerJson as object,
    modelVocabSize,
    ...(tokenizerConfig && { tokenizerConfig }),
    ...(onWarning && { onWarning }),
  });
  return { tokenizer, chatTemplate: chatTemplateOf(tokenizerConfig, template) };
}
