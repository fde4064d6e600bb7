import type { SpecOptions } from '@tessera/plugin';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { ConfigReader } from './config-reader.ts';

/** Checks a declared context length. */
export function checkContextLength({ contextLength }: SpecOptions): void {
  const fits =
    contextLength === undefined ||
    (Number.isSafeInteger(contextLength) && contextLength >= 1 && contextLength < 2 ** 31);
  if (!fits)
    throw new UnsupportedOptionError(
      `contextLength is ${contextLength}, expected a whole number from 1 up to ${2 ** 31 - 1}. Set the number of positions that prompt and new tokens need together.`,
      { facts: { contextLength } },
    );
}

/**
 * Positions that a model is good for: those of `max_position_embeddings`, fewer where its frequencies are those of short
 * contexts, more where a longer context is declared.
 */
export function readablePositions(
  reader: ConfigReader,
  maxPositions: number,
  { contextLength }: SpecOptions,
  limit?: number,
): number {
  const key = 'max_position_embeddings';
  if (limit !== undefined) {
    if (contextLength === undefined)
      reader.warn(
        key,
        `and the frequencies of short contexts go up to ${limit} positions; declare a contextLength above that to use those of long ones.`,
      );
    return limit;
  }
  if (contextLength === undefined || contextLength <= maxPositions) return maxPositions;
  reader.warn(key, `fewer than the declared context of ${contextLength} positions.`);
  return contextLength;
}
