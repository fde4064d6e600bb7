import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { DraftSource } from './draft-source.ts';

/** Settings of {@link promptLookup}. */
export interface PromptLookupOptions {
  /** Last tokens that are looked for, at most; then fewer, down to one. @defaultValue 3 */
  readonly longestMatch?: number | undefined;
}

/**
 * Proposes what followed the last tokens where they stood before, the most recent time: good where texts repeat themselves or their
 * prompt, as summaries and code do. Nothing where they are new.
 * @throws {@link UnsupportedOptionError} for a match of no whole number of tokens from 1
 */
export function promptLookup({ longestMatch = 3 }: PromptLookupOptions = {}): DraftSource {
  if (!Number.isSafeInteger(longestMatch) || longestMatch < 1)
    throw new UnsupportedOptionError(
      `promptLookup: longestMatch is ${longestMatch}, expected a whole number of tokens from 1.`,
      { facts: { longestMatch } },
    );
  return {
    name: 'lookup',
    cost: () => 0,
    open: ({ rows }) =>
      Promise.resolve({
        propose: (most) =>
          Promise.resolve(
            rows.map(({ prompt, generated }, b) => ({
              tokens: most[b]! > 0 ? continuationOf([...prompt, ...generated], most[b]!, longestMatch) : [],
            })),
          ),
      }),
  };
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
