import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { DraftSource } from './draft-source.ts';

/** Settings of {@link promptLookup}. */
export interface PromptLookupOptions {
  /** Last tokens that are looked for, at most; then fewer, down to one. @defaultValue 3 */
  readonly longestMatch?: number | undefined;
  /** Last tokens of the text among which they are looked for, so that a round takes no longer in a long text. @defaultValue all */
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
    open: ({ rows }) =>
      Promise.resolve({
        propose: (most) =>
          Promise.resolve(
            rows.map(({ prompt, generated }, b) => ({
              tokens: most[b]! > 0 ? continuationOf(endOf(prompt, generated, lookBack), most[b]!, longestMatch) : [],
            })),
          ),
      }),
  };
}

function endOf(prompt: readonly number[], generated: readonly number[], count = Infinity): readonly number[] {
  const ofPrompt = Math.max(0, count - generated.length);
  return [...prompt.slice(Math.max(0, prompt.length - ofPrompt)), ...generated.slice(-count)];
}

/** Up to `most` tokens that followed the last ones of a text where they stood before. */
export function continuationOf(text: readonly number[], most: number, longestMatch: number): readonly number[] {
  for (let length = Math.min(longestMatch, text.length - 1); length > 0; length--) {
    const end = text.length - length;
    for (let at = end - 1; at >= 0; at--) {
      let same = 0;
      while (same < length && text[at + same] === text[end + same]) same++;
      if (same === length) return text.slice(at + length, at + length + most);
    }
  }
  return [];
}
