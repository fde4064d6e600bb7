import { UnsupportedOptionError } from '@tessera/tensor-core';

/**
 * Rows with a sink token before each: a token of the vocabulary that means nothing, has keys and values in every layer, and takes slot
 * 0. A model that was trained on such rows needs one sink only, `sinkCache({ sinks: 1, … })`, and prompts that begin with it. Its
 * embedding is learned as any other.
 * @throws {@link UnsupportedOptionError} when the id is no whole number from 0
 * @see Xiao et al. 2023, arXiv:2309.17453, section 3.3.
 */
export function withSinkToken(rows: readonly (readonly number[])[], id: number): number[][] {
  if (!Number.isSafeInteger(id) || id < 0)
    throw new UnsupportedOptionError(`withSinkToken: the id is ${String(id)}, expected that of a token.`, {
      facts: { id },
    });
  return rows.map((row) => [id, ...row]);
}
