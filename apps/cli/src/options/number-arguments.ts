import { InvalidArgumentError } from 'commander';

/** Reads a number. Its range is checked by what it is for. */
export function numberArgument(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('Expected a number.');
  return value;
}

/** Reads a whole number from `min` on. */
export function integerArgument(min: number): (text: string) => number {
  return (text) => {
    const value = numberArgument(text);
    if (!Number.isSafeInteger(value) || value < min)
      throw new InvalidArgumentError(`Expected a whole number from ${min} on.`);
    return value;
  };
}

/** Reads token ids such as `1,2,3`; given several times, they are joined. */
export function idsArgument(text: string, before: readonly number[] = []): number[] {
  const parts = text.split(/[\s,]+/).filter((part) => part !== '');
  if (parts.length === 0 || !parts.every((part) => /^\d+$/.test(part)))
    throw new InvalidArgumentError('Expected token ids, such as 1,2,3.');
  return [...before, ...parts.map(Number)];
}
