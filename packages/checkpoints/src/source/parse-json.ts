import { ModelFormatError } from '@tessera/tensor-core';
import { JsonScanner } from './json-scanner.ts';
import { quote } from './quote.ts';
import { textPlace } from './text-place.ts';

/** Options of {@link parseJson}. */
export interface ParseJsonOptions {
  /** Names the text in messages. */
  readonly file: string;
  /** Deepest nesting of lists and objects. @defaultValue `100` */
  readonly maxDepth?: number;
  /** What a repeated key does: count the last one, as Python and JavaScript do, or fail. @defaultValue `'last'` */
  readonly repeatedKeys?: 'last' | 'refuse';
  /**
   * What the key `__proto__` does. Kept, it is an own property like any other; no prototype changes, but code that
   * copies by assignment would change one, so only a vocabulary should keep it. @defaultValue `'refuse'`
   */
  readonly protoKeys?: 'refuse' | 'keep';
}

/**
 * Parses JSON of a model's files. Beyond the standard it reads what Python writes for numbers that JSON lacks: the words
 * `NaN`, `Infinity` and `-Infinity`, and transformers' `{ "__float__": "Infinity" }`.
 *
 * @throws {@link ModelFormatError} with line and column, when the text is not JSON or breaks a limit.
 */
export function parseJson(text: string, options: ParseJsonOptions): unknown {
  const scanner = new JsonScanner(text, options.file);
  const value = parseValue(scanner, { maxDepth: 100, repeatedKeys: 'last', protoKeys: 'refuse', ...options }, 0);
  if (!Number.isNaN(scanner.peek())) scanner.fail('the end');
  return value;
}

function parseValue(scanner: JsonScanner, options: Required<ParseJsonOptions>, depth: number): unknown {
  switch (scanner.peek()) {
    case 0x7b:
      return parseObject(scanner, options, deeper(scanner, options, depth));
    case 0x5b:
      return parseList(scanner, options, deeper(scanner, options, depth));
    case 0x22:
      return scanner.string('a string');
    default: {
      const word = parseWord(scanner);
      return word === undefined ? Number(scanner.number('a value')) : word;
    }
  }
}

function parseObject(scanner: JsonScanner, options: Required<ParseJsonOptions>, depth: number): unknown {
  const object: Record<string, unknown> = {};
  scanner.expect('{');
  if (scanner.take('}')) return object;
  do {
    scanner.peek();
    const keyAt = scanner.at;
    const key = scanner.string('a key in quotes');
    if (key === '__proto__' && options.protoKeys === 'refuse')
      refuse(scanner, keyAt, 'the key "__proto__" is there', 'no such key');
    if (options.repeatedKeys === 'refuse' && Object.hasOwn(object, key))
      refuse(scanner, keyAt, `the key ${quote(key)} is repeated`, 'each key once');
    scanner.expect(':');
    const value = parseValue(scanner, options, depth);
    // Assigned, this one key would set the prototype.
    if (key === '__proto__')
      Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
    else object[key] = value;
  } while (scanner.take(','));
  scanner.expect('}', '"," or "}"');
  return pythonFloat(object) ?? object;
}

function parseList(scanner: JsonScanner, options: Required<ParseJsonOptions>, depth: number): unknown[] {
  const list: unknown[] = [];
  scanner.expect('[');
  if (scanner.take(']')) return list;
  do list.push(parseValue(scanner, options, depth));
  while (scanner.take(','));
  scanner.expect(']', '"," or "]"');
  return list;
}

const words: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

/** A word of JSON or Python; `undefined` where a number begins. */
function parseWord(scanner: JsonScanner): unknown {
  const letters = /-?[A-Za-z]{1,16}/y;
  letters.lastIndex = scanner.at;
  const word = letters.exec(scanner.text)?.[0];
  if (word === undefined) return undefined;
  if (!words.has(word)) scanner.fail('a value', quote(word));
  scanner.at += word.length;
  return words.get(word);
}

function pythonFloat(object: Record<string, unknown>): number | undefined {
  const word = object['__float__'];
  if (typeof word !== 'string' || Object.keys(object).length !== 1) return undefined;
  const value = words.get(word);
  return typeof value === 'number' ? value : undefined;
}

function deeper(scanner: JsonScanner, { maxDepth }: Required<ParseJsonOptions>, depth: number): number {
  if (depth >= maxDepth)
    refuse(scanner, scanner.at, 'lists and objects are nested deeper', `at most ${maxDepth} levels`);
  return depth + 1;
}

function refuse({ file, text }: JsonScanner, at: number, actual: string, expected: string): never {
  const place = textPlace(text, at);
  throw new ModelFormatError(
    `${file}: ${place}: ${actual}, expected ${expected}. Correct the file, or fetch it again.`,
    {
      facts: { file, place, position: at, actual, expected },
    },
  );
}
