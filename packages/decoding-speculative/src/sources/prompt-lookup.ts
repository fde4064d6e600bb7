import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { Draft } from '../acceptance/draft.ts';
import type { DraftSource } from './draft-source.ts';
import { Occurrences } from './occurrences.ts';

/** Settings of {@link promptLookup}. */
export interface PromptLookupOptions {
  /** Last tokens that are looked for, at most; then fewer, down to one. @defaultValue 3 */
  readonly longestMatch?: number | undefined;
  /** Last tokens of the text among which they are looked for, so that a stream without end takes no more and more memory. @defaultValue all */
  readonly lookBack?: number | undefined;
}

/**
 * Proposes what followed the last tokens where they stood before, the most recent time: good where texts repeat themselves or their
 * prompt, as summaries and code do. Nothing where they are new.
 * @throws {@link UnsupportedOptionError} for a match or a part of the text that is no whole number of tokens from 1
 */
export function promptLookup({ longestMatch = 3, lookBack }: PromptLookupOptions = {}): DraftSource {
  for (const [option, value] of Object.entries({ longestMatch, lookBack }))
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 1))
      throw new UnsupportedOptionError(
        `promptLookup: ${option} is ${value}, expected a whole number of tokens from 1.`,
        {
          facts: { [option]: value },
        },
      );
  return {
    name: 'lookup',
    cost: () => 0,
    open: ({ rows }) => {
      const texts = rows.map(() => new Occurrences({ longestMatch, lookBack }));
      const foresee = (most: readonly number[]): readonly Draft[] =>
        rows.map(({ prompt, generated }, b) => {
          const text = texts[b]!;
          text.readOn(prompt, generated);
          return { tokens: text.continuation(most[b]!) };
        });
      return Promise.resolve({ propose: async (most) => foresee(most), foresee });
    },
  };
}
