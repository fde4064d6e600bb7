import { encodeByWord, memoryTexts } from '@tessera/data';
import type { TextEncoderToIds, TextSource } from '@tessera/data';
import { createTokenizer } from '@tessera/text';
import type { Tokenizer } from '@tessera/text';
import { trainTokenizer } from '@tessera/tokenizer-training';
import type { Tell } from '../protocol.ts';

/** A tokenizer that was made here. */
export interface MadeTokenizer {
  readonly tokenizer: Tokenizer;
  /** The same, quicker over long texts. */
  readonly encoder: TextEncoderToIds;
  /** What it is published as. */
  readonly files: Readonly<Record<string, string>>;
}

/** Bytes and the end of a text: what every tokenizer begins with, and one of bytes consists of. */
const byteVocabulary = 257;

/**
 * Learns pieces of words from texts, and tells how far it is. A vocabulary of {@link byteVocabulary} leaves nothing to learn:
 * a tokenizer of bytes is one without merges.
 */
export async function makeTokenizer(
  texts: TextSource,
  vocabulary: number,
  tell: Tell,
  signal: AbortSignal,
): Promise<MadeTokenizer> {
  const learns = vocabulary > byteVocabulary;
  const trained = await trainTokenizer((learns ? texts : memoryTexts(['a'])).pieces({ signal }), {
    vocabSize: vocabulary,
    signal,
    onProgress: ({ phase, characters, vocabSize }) =>
      learns &&
      tell(
        phase === 'read'
          ? {
              type: 'preparing',
              doing: `Counting words: ${characters.toLocaleString('en-US')} characters`,
              ratio: undefined,
            }
          : {
              type: 'preparing',
              doing: `Learning pieces of words: ${vocabSize.toLocaleString('en-US')} of ${vocabulary.toLocaleString('en-US')}`,
              ratio: (vocabSize - byteVocabulary) / (vocabulary - byteVocabulary),
            },
      ),
  });
  const { tokenizerJson, tokenizerConfigJson } = trained;
  const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfig: tokenizerConfigJson });
  return {
    tokenizer,
    encoder: encodeByWord(tokenizer),
    files: { 'tokenizer.json': tokenizerJson, 'tokenizer_config.json': tokenizerConfigJson },
  };
}
