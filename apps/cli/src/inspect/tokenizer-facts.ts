import type { FileSource } from '@tessera/checkpoints';
import { readJsonIfPresent, readTextIfPresent } from '@tessera/checkpoints';
import { chatTemplateOf, createTokenizer } from '@tessera/text';

/** What is worth knowing about a tokenizer. */
export interface TokenizerFacts {
  /** One more than the largest id. */
  readonly vocabSize: number;
  readonly bosId: number | null;
  readonly eosId: number | null;
  readonly padId: number | null;
  readonly specialTokens: number;
  readonly modelMaxLength: number | null;
  readonly chatTemplate: boolean;
  /** Sentences about what is odd and harmless. */
  readonly warnings: readonly string[];
}

const tokenizerLimit = 128 * 2 ** 20;

/** Reads the tokenizer of a checkpoint; undefined when it has none. */
export async function readTokenizerFacts(
  source: FileSource,
  modelVocabSize: number,
  signal: AbortSignal,
): Promise<TokenizerFacts | undefined> {
  const tokenizerJson = await readTextIfPresent(source, 'tokenizer.json', { signal, limit: tokenizerLimit });
  if (tokenizerJson === undefined) return undefined;
  const tokenizerConfig = (await readJsonIfPresent(source, 'tokenizer_config.json', { signal })) as object | undefined;
  const warnings: string[] = [];
  const tokenizer = createTokenizer({
    tokenizerJson,
    modelVocabSize,
    onWarning: (warning) => warnings.push(warning),
    ...(tokenizerConfig && { tokenizerConfig }),
  });
  const template = await readTextIfPresent(source, 'chat_template.jinja', { signal });
  return {
    vocabSize: tokenizer.vocabSize,
    bosId: tokenizer.bosId ?? null,
    eosId: tokenizer.eosId ?? null,
    padId: tokenizer.padId ?? null,
    specialTokens: tokenizer.specialIds.size,
    modelMaxLength: tokenizer.modelMaxLength ?? null,
    chatTemplate: chatTemplateOf(tokenizerConfig, template) !== undefined,
    warnings,
  };
}
