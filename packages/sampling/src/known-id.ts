import { UnsupportedOptionError } from '@tessera/tensor-core';

/** @throws {@link UnsupportedOptionError} naming the option whose id is outside the vocabulary */
export function knownId(id: number, vocabSize: number, option: string): number {
  if (id < vocabSize) return id;
  throw new UnsupportedOptionError(
    `${option} names token ${id}, expected ids below the vocabulary's size of ${vocabSize}. Remove it.`,
    { facts: { where: option, actual: id, expected: vocabSize } },
  );
}
