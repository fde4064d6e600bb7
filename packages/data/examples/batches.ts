import { memorySource } from '@tessera/checkpoints';
import { corpusSource, encodeTexts, fileTexts, prefetch } from '@tessera/data';
import type { TextEncoderToIds, TokenSource } from '@tessera/data';

/** Two sources over one file: what is trained on, and its end, which is measured. */
export async function batches(
  play: string,
  tokenizer: TextEncoderToIds,
): Promise<{ train: TokenSource; validation: TokenSource }> {
  // #region batches
  const files = memorySource({ 'play.txt': play }); // or directorySource('texts'), picked files, an address
  const part = (name: 'train' | 'validation') => fileTexts(files, ['play.txt'], { split: { part: name } });
  const corpus = await encodeTexts(part('train'), tokenizer);
  const train = prefetch(corpusSource(corpus, { rows: 4, context: 64, seed: 7 }));
  const kept = await encodeTexts(part('validation'), tokenizer, { endId: null });
  const validation = corpusSource(kept, { rows: 4, context: 64, packing: 'separate', seed: null, epochs: 1 });
  // #endregion batches
  return { train, validation };
}
