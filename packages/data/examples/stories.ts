import { prefetch, stories, storyAt, storySource, storyTexts } from '@tessera/data';
import type { Story, TextEncoderToIds, TextSource, TokenSource } from '@tessera/data';

/** Stories, their facts, and batches of them. */
export function tellStories(tokenizer: TextEncoderToIds): {
  first: string | undefined;
  facts: Story['facts'];
  recall: Story['recall'];
  train: TokenSource;
  kept: TextSource;
} {
  // #region stories
  const [first] = stories({ seed: 1 }); // as many as wanted; no two of a seed are meant to be alike
  const { facts, recall } = storyAt(0, 1); // the same story, with what it says, what its end asks for, and the answer
  const train = prefetch(storySource(tokenizer, { rows: 4, context: 256, seed: 1 }));
  const kept = storyTexts(200, { seed: 2 }); // stories of another seed, to measure with
  // #endregion stories
  return { first, facts, recall, train, kept };
}
