import { quote } from '../source/quote.ts';

/**
 * A value from a file, for a message: short whatever it holds. Long lists and records are only counted, since writing them
 * out would take as long as the file is.
 */
export function showValue(value: unknown): string {
  if (typeof value === 'string') return quote(value);
  if (value === null || typeof value !== 'object') return String(value);
  if (!Array.isArray(value)) return Object.keys(value).length === 0 ? '{}' : 'a record';
  const short = value.length <= 8 && value.every((item) => item === null || typeof item !== 'object');
  return short ? `[${value.map(showValue).join(', ')}]` : `a list of ${value.length}`;
}

/** The value as a fact of an error: itself when it is small, else {@link showValue}. */
export function factValue(value: unknown): unknown {
  return value === null || typeof value === 'number' || typeof value === 'boolean' ? value : showValue(value);
}
