import { UnsupportedOptionError } from '@tessera/tensor-core';

/** @throws {@link UnsupportedOptionError} naming an option that is not known */
export function checkNames(given: object, known: readonly string[], where: string): void {
  for (const name of Object.keys(given))
    if (!known.includes(name))
      throw new UnsupportedOptionError(`${where}: '${name}' is not known, expected ${known.join(', ')}.`, {
        facts: { where, option: name, known },
      });
}

/** Limits of a number. */
export interface NumberLimits {
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly below?: number;
  readonly whole?: boolean;
}

/** @throws {@link UnsupportedOptionError} when a value is no finite number, or out of range */
export function checkNumber(value: unknown, where: string, limits: NumberLimits = {}): asserts value is number {
  const { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity, whole = false } = limits;
  const fits =
    typeof value === 'number' &&
    Number.isFinite(value) &&
    value >= min &&
    value <= max &&
    value > above &&
    value < below &&
    (!whole || Number.isSafeInteger(value));
  if (fits) return;
  const words = { min: 'at least', max: 'at most', above: 'above', below: 'below' } as const;
  const ranges = Object.entries(words).flatMap(([key, word]) => {
    const limit = limits[key as keyof typeof words];
    return limit === undefined ? [] : [`${word} ${limit}`];
  });
  throw new UnsupportedOptionError(
    `${where} is ${show(value)}, expected a ${whole ? 'whole ' : ''}number${ranges.length > 0 ? ` ${ranges.join(' and ')}` : ''}.`,
    { facts: { option: where, value, ...limits } },
  );
}

/** @throws {@link UnsupportedOptionError} when a value is none of those known */
export function oneOf(value: unknown, known: readonly unknown[], where: string): void {
  if (known.includes(value)) return;
  throw new UnsupportedOptionError(`${where} is ${show(value)}, expected ${known.map(show).join(' or ')}.`, {
    facts: { option: where, value, known },
  });
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}
