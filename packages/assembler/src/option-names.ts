import { UnsupportedOptionError } from '@tessera/tensor-core';

/** @throws {@link UnsupportedOptionError} naming an option that is not known */
export function checkOptionNames(options: object, known: readonly string[], where: string): void {
  for (const [key, value] of Object.entries(options))
    if (!known.includes(key) && value !== undefined)
      throw new UnsupportedOptionError(
        `${where}: '${key}' is not an option that is honoured. Known are ${known.join(', ')}.`,
        { facts: { option: key, value, known } },
      );
}
