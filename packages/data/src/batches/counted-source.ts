import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { TokenBatch, TokenSource } from './token-source.ts';

/** A source whose batch is a function of its number. */
export function countedSource(
  facts: Pick<TokenSource, 'name' | 'identity' | 'rows' | 'context' | 'vocabSize' | 'batches'>,
  batchAt: (position: number) => TokenBatch,
): TokenSource {
  let position = 0;
  return {
    ...facts,
    async next({ signal } = {}) {
      signal?.throwIfAborted();
      return position < facts.batches ? batchAt(position++) : undefined;
    },
    position: () => position,
    seek(to) {
      if (!Number.isSafeInteger(to) || to < 0 || to > facts.batches)
        throw new UnsupportedOptionError(
          `${facts.name}: cannot go to batch ${to}, expected a whole number from 0 to ${facts.batches}. Was it saved from another source?`,
          { facts: { position: to, batches: facts.batches } },
        );
      position = to;
    },
  };
}

/** Checks a number that must be whole and positive. */
export function checkCount(value: number, option: string): void {
  if (Number.isSafeInteger(value) && value > 0) return;
  throw new UnsupportedOptionError(`${option} is ${value}, expected a whole number from 1 on.`, {
    facts: { [option]: value },
  });
}
