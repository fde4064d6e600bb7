import type { ModelFormatError, UnsupportedArchitectureError } from '@tessera/tensor-core';
import { refusedField, unknownField, wrongField } from './field-errors.ts';
import { showValue } from './show-value.ts';

/** Range of a number field. */
export interface NumberRange {
  /** @defaultValue 1 for whole numbers, none for others */
  readonly min?: number;
  /** @defaultValue 2³¹ − 1 for whole numbers, 1e30 for others */
  readonly max?: number;
  /** True: `min` itself is not allowed. */
  readonly above?: boolean;
}

/** Length of a list field. */
export interface ListLength {
  readonly exactly?: number;
  readonly atLeast?: number;
}

/** Longest list that is looked at: more layers than any model has. */
const longestList = 65_536;

/**
 * Reads a published config field by field and remembers which fields were read, so that {@link ConfigReader.finish} can refuse
 * the others by name. Nothing is looked at before it is asked for; sizes are bounded before anything is made from them.
 */
export class ConfigReader {
  /** Sentences about what is odd and harmless. */
  readonly warnings: string[];
  readonly #config: Readonly<Record<string, unknown>>;
  readonly #modelType: string;
  readonly #path: string;
  readonly #known = new Set<string>();
  readonly #inert = new Set<string>();

  /**
   * @param modelType - name of the layout, for messages
   * @param path - where the config stands in the file: empty, or the field that holds it and a dot
   * @throws {@link ModelFormatError} when the config is not a record
   */
  constructor(config: unknown, modelType: string, path = '', warnings: string[] = []) {
    this.#modelType = modelType;
    this.#path = path;
    this.warnings = warnings;
    if (typeof config !== 'object' || config === null || Array.isArray(config))
      throw wrongField(
        { modelType, field: path.slice(0, -1), value: config },
        'a record',
        'Take the config.json that was published with the model.',
      );
    this.#config = config as Record<string, unknown>;
  }

  /** The value as it is; `undefined` when the field is absent. Own fields only, so `__proto__` is a field like any other. */
  value(key: string): unknown {
    this.#known.add(key);
    return Object.hasOwn(this.#config, key) ? this.#config[key] : undefined;
  }

  /** True when the field is there and not null. */
  has(key: string): boolean {
    return (this.value(key) ?? null) !== null;
  }

  /** The first of several spellings that is there, else the last. All of them count as read. */
  spelling(...keys: readonly [string, ...string[]]): string {
    return keys.filter((key) => this.has(key))[0] ?? (keys.at(-1) as string);
  }

  /** A whole number. */
  int(key: string, fallback: number, range: NumberRange = {}): number {
    const value = this.value(key);
    return value === undefined ? fallback : this.#number(key, value, { min: 1, max: 2 ** 31 - 1, ...range }, true);
  }

  /** A whole number, or `undefined` when the field is absent or null. */
  optionalInt(key: string, range: NumberRange = {}): number | undefined {
    return this.has(key) ? this.int(key, 0, range) : undefined;
  }

  /** A finite number. */
  number(key: string, fallback: number, range: NumberRange = {}): number {
    const value = this.value(key);
    return value === undefined ? fallback : this.#number(key, value, { max: 1e30, ...range }, false);
  }

  /** A finite number, or `undefined` when the field is absent or null. */
  optionalNumber(key: string, range: NumberRange = {}): number | undefined {
    return this.has(key) ? this.number(key, 0, range) : undefined;
  }

  /** True or false. */
  bool(key: string, fallback: boolean): boolean {
    const value = this.value(key);
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') throw this.wrong(key, 'true or false');
    return value;
  }

  /** The meaning of a word. */
  word<T>(key: string, fallback: string, meanings: ReadonlyMap<string, T>): T {
    const value = this.value(key) ?? fallback;
    if (typeof value !== 'string') throw this.wrong(key, 'a text');
    return this.#meaning(key, value, meanings);
  }

  /** Meanings of a list of words; `undefined` when the field is absent or null. */
  words<T>(key: string, length: ListLength, meanings: ReadonlyMap<string, T>): readonly T[] | undefined {
    return this.#list(key, length)?.map((item) => {
      if (typeof item !== 'string') throw this.wrong(key, 'a list of texts');
      return this.#meaning(key, item, meanings);
    });
  }

  /** Whole numbers; `undefined` when the field is absent or null. */
  ints(key: string, length: ListLength = {}): readonly number[] | undefined {
    return this.#list(key, length)?.map((item) => {
      if (!Number.isSafeInteger(item)) throw this.wrong(key, 'a list of whole numbers');
      return item as number;
    });
  }

  /** Finite numbers above 0; `undefined` when the field is absent or null. */
  positiveNumbers(key: string, length: ListLength): readonly number[] | undefined {
    return this.#list(key, length)?.map((item) => {
      if (typeof item !== 'number' || !(item > 0 && item <= 1e30)) throw this.wrong(key, 'a list of numbers above 0');
      return item;
    });
  }

  /** A record inside, with a reader of its own that must be finished too; `undefined` when it is absent, null or empty. */
  record(key: string): ConfigReader | undefined {
    const value = this.value(key);
    if (value === undefined || value === null) return undefined;
    const inner = new ConfigReader(value, this.#modelType, `${this.#path}${key}.`, this.warnings);
    return Object.keys(value).length > 0 ? inner : undefined;
  }

  /** Readers of a list of records, or of one record that stands alone; none when the field is absent or null. */
  records(key: string): readonly ConfigReader[] {
    const value = this.value(key) ?? [];
    if (!Array.isArray(value)) return [new ConfigReader(value, this.#modelType, `${this.#path}${key}.`, this.warnings)];
    return (this.#list(key, {}) ?? []).map(
      (item, index) => new ConfigReader(item, this.#modelType, `${this.#path}${key}.${index}.`, this.warnings),
    );
  }

  /** A reader of these fields with those of another one laid over them. */
  overlaid(over: ConfigReader): ConfigReader {
    return new ConfigReader({ ...this.#config, ...over.#config }, this.#modelType, over.#path, this.warnings);
  }

  /** Refuses the field unless it is absent or one of the values that change nothing. */
  neutral(key: string, ...values: readonly unknown[]): void {
    const value = this.value(key);
    if (value === undefined) return;
    // An empty list or record is as neutral as another one.
    const same = (other: unknown): boolean =>
      Object.is(value, other) || (other !== null && typeof other === 'object' && isEmpty(value));
    if (!values.some(same)) throw this.refused(key, values.map(showValue).join(' or '));
  }

  /** Fields that change nothing of what is computed. */
  inert(keys: Iterable<string>): void {
    for (const key of keys) this.#inert.add(key);
  }

  /** A probability of dropout; undefined when nothing is dropped. */
  dropout(key: string, fallback = 0): number | undefined {
    const value = this.value(key) === undefined ? fallback : this.optionalNumber(key, { min: 0, max: 1 });
    return value === 0 ? undefined : value;
  }

  /** Probabilities of dropout that the published code does not use. */
  unusedDropout(...keys: readonly string[]): void {
    for (const key of keys) this.dropout(key);
  }

  /** A sentence about something odd and harmless in a field. */
  warn(key: string, sentence: string): void {
    this.warnings.push(
      `config.json (model_type '${this.#modelType}'): ${this.#path}${key} is ${showValue(this.value(key))}, ${sentence}`,
    );
  }

  /** The error of a field with a value of the wrong type or range. */
  wrong(key: string, expected: string, mend = 'Correct the field.'): ModelFormatError {
    return wrongField(this.#place(key), expected, mend);
  }

  /** The error of a field that asks for something that is not built. */
  refused(key: string, understood: string, mend = 'No layout here builds this variant.'): UnsupportedArchitectureError {
    return refusedField(this.#place(key), understood, mend);
  }

  /** @throws {@link UnsupportedArchitectureError} naming the first field that nobody asked for */
  finish(): void {
    for (const key of Object.keys(this.#config))
      if (!this.#known.has(key) && !this.#inert.has(key))
        throw unknownField(this.#place(key), [...this.#known].filter((other) => other !== key).toSorted());
  }

  #place(key: string): { modelType: string; field: string; value: unknown } {
    const value = Object.hasOwn(this.#config, key) ? this.#config[key] : undefined;
    return { modelType: this.#modelType, field: this.#path + key, value };
  }

  #number(key: string, value: unknown, { min = -1e30, max = 1e30, above }: NumberRange, whole: boolean): number {
    const fits =
      typeof value === 'number' &&
      (whole ? Number.isSafeInteger(value) : Number.isFinite(value)) &&
      (above ? value > min : value >= min) &&
      value <= max;
    if (fits) return value;
    const low = min === -1e30 ? '' : above ? ` above ${min}` : ` from ${min}`;
    throw this.wrong(key, `${whole ? 'a whole number' : 'a number'}${low} up to ${max}`);
  }

  #list(key: string, { exactly, atLeast = 0 }: ListLength): readonly unknown[] | undefined {
    const value = this.value(key);
    if (value === undefined || value === null) return undefined;
    if (!Array.isArray(value)) throw this.wrong(key, 'a list');
    if (exactly !== undefined && value.length !== exactly) throw this.wrong(key, `a list of ${exactly}`);
    if (value.length < atLeast || value.length > longestList)
      throw this.wrong(key, `a list of ${atLeast} up to ${longestList}`);
    return value;
  }

  #meaning<T>(key: string, word: string, meanings: ReadonlyMap<string, T>): T {
    const meaning = meanings.get(word);
    if (meaning === undefined) throw this.refused(key, [...meanings.keys()].map((known) => `'${known}'`).join(', '));
    return meaning;
  }
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
