import { createTokenizer } from '@tessera/text';
import type { Tokenizer } from '@tessera/text';
import { trainTokenizer } from '@tessera/tokenizer-training';
import type { TrainedTokenizer } from '@tessera/tokenizer-training';

/** Trains a tokenizer and reads it. */
export async function train(texts: Iterable<string>): Promise<{ trained: TrainedTokenizer; tokenizer: Tokenizer }> {
  // #region train
  const trained = await trainTokenizer(texts, { vocabSize: 512 }); // or fileTexts(…).pieces() of @tessera/data
  const { tokenizerJson, tokenizerConfigJson: tokenizerConfig } = trained; // to be written beside the model
  const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfig });
  // #endregion train
  return { trained, tokenizer };
}
