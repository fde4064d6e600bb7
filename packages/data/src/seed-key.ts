import { threefry, UnsupportedOptionError } from '@tessera/tensor-core';

/** Key of threefry: two 32-bit words. */
export type Key = readonly [number, number];

/** What the random numbers of a seed are for; each use has a stream of its own. */
const uses = { split: 1, shuffle: 2, shift: 3, story: 4 } as const;

/**
 * The key of one use of a seed.
 *
 * @throws {@link UnsupportedOptionError} if the seed is not a whole number from 0 to 2⁵³ − 1.
 */
export function seedKey(seed: number, use: keyof typeof uses): Key {
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new UnsupportedOptionError(`seed is ${seed}, expected a whole number from 0 to 2^53 - 1.`, {
      facts: { seed },
    });
  return threefry(seed >>> 0, Math.floor(seed / 2 ** 32), uses[use], 0x7e55e7a);
}
