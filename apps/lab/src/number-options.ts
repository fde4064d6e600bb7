/**
 * A number that was typed for an option.
 * @throws Error that names the option, for what is no number above 0
 */
export function numberOf(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!(value > 0)) throw new Error(`--${name}=${given}: expected a number above 0.`);
  return value;
}

/**
 * A count that was typed for an option.
 * @throws Error that names the option, for what is no whole number from 1
 */
export function countOf(name: string, given: string | undefined, otherwise: number): number {
  const value = given === undefined ? otherwise : Number(given);
  if (!(Number.isSafeInteger(value) && value > 0))
    throw new Error(`--${name}=${given}: expected a whole number from 1.`);
  return value;
}
