import type { StandardSchemaV1 } from '@standard-schema/spec';

/** JSON Schema of a field, as far as specs need it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** Reads one value: the value as used, or what is wrong with it. */
export interface Field<T> {
  /** The value at `path`, with defaults filled in; what is wrong with it is added to `issues`. */
  read(value: unknown, path: FieldPath, issues: FieldIssue[]): T;
  /** True when the key may be left out. */
  readonly optional: boolean;
  readonly jsonSchema: JsonSchema;
}

/** Keys and indices that lead to a value. */
export type FieldPath = readonly (string | number)[];

/** What is wrong with a value. */
export interface FieldIssue {
  /** Without the path: `is 3, expected a text`. */
  readonly message: string;
  readonly path: FieldPath;
}

/** A schema made of fields: a Standard Schema that also writes itself as JSON Schema. */
export interface FieldsSchema<T> extends StandardSchemaV1<unknown, T>, Field<T> {}

/** Options of number fields. */
export interface NumberOptions {
  readonly min?: number;
  readonly max?: number;
  readonly default?: number;
}

function field<T>(
  check: (value: unknown) => string | undefined,
  jsonSchema: JsonSchema,
  fallback: T | undefined,
): Field<T> {
  return {
    optional: fallback !== undefined,
    jsonSchema: fallback === undefined ? jsonSchema : { ...jsonSchema, default: fallback },
    read(value, path, issues) {
      if (value === undefined && fallback !== undefined) return fallback;
      const wrong = check(value);
      if (wrong !== undefined)
        issues.push({
          path,
          message: value === undefined ? `is missing, expected ${wrong}` : `is ${show(value)}, expected ${wrong}`,
        });
      return value as T;
    },
  };
}

function numberField(
  kind: 'a whole number' | 'a number',
  { min, max, default: fallback }: NumberOptions,
): Field<number> {
  const range = [min === undefined ? '' : ` from ${min}`, max === undefined ? '' : ` up to ${max}`].join('');
  const fits = (value: unknown): boolean =>
    typeof value === 'number' &&
    Number.isFinite(value) &&
    (kind === 'a number' || Number.isInteger(value)) &&
    value >= (min ?? -Infinity) &&
    value <= (max ?? Infinity);
  return field(
    (value) => (fits(value) ? undefined : kind + range),
    {
      type: kind === 'a number' ? 'number' : 'integer',
      ...(min !== undefined && { minimum: min }),
      ...(max !== undefined && { maximum: max }),
    },
    fallback,
  );
}

/** A whole number. */
export function int(options: NumberOptions = {}): Field<number> {
  return numberField('a whole number', options);
}

/** A finite number. */
export function number(options: NumberOptions = {}): Field<number> {
  return numberField('a number', options);
}

/** True or false. */
export function bool(options: { readonly default?: boolean } = {}): Field<boolean> {
  return field(
    (value) => (typeof value === 'boolean' ? undefined : 'true or false'),
    { type: 'boolean' },
    options.default,
  );
}

/** Text. */
export function text(options: { readonly default?: string } = {}): Field<string> {
  return field((value) => (typeof value === 'string' ? undefined : 'a text'), { type: 'string' }, options.default);
}

/** One of a few words. */
export function oneOf<const T extends string>(
  words: readonly T[],
  options: { readonly default?: NoInfer<T> } = {},
): Field<T> {
  return field(
    (value) => (words.includes(value as T) ? undefined : `one of ${words.map((word) => `'${word}'`).join(', ')}`),
    { enum: words },
    options.default,
  );
}

/** A value that may be left out or null. */
export function optional<T>(inner: Field<T>): Field<T | undefined> {
  return {
    optional: true,
    jsonSchema: inner.jsonSchema,
    read: (value, path, issues) =>
      value === undefined || value === null ? undefined : inner.read(value, path, issues),
  };
}

/** A list. */
export function list<T>(inner: Field<T>, options: { readonly default?: readonly T[] } = {}): Field<readonly T[]> {
  return {
    optional: options.default !== undefined,
    jsonSchema: { type: 'array', items: inner.jsonSchema },
    read(value, path, issues) {
      if (value === undefined && options.default !== undefined) return options.default;
      if (Array.isArray(value)) return value.map((item, index) => inner.read(item, [...path, index], issues));
      issues.push({
        path,
        message: value === undefined ? 'is missing, expected a list' : `is ${show(value)}, expected a list`,
      });
      return [];
    },
  };
}

/** Any JSON value, checked by somebody else. */
export function anything(): Field<unknown> {
  return { optional: true, jsonSchema: {}, read: (value) => value };
}

/** A record with the given keys and no others. */
export function fields<T extends object>(
  shape: { readonly [K in keyof Required<T>]: Field<T[K] | undefined> | Field<T[K]> },
  options: { readonly default?: Partial<T> } = {},
): FieldsSchema<Required<T>> {
  const entries = Object.entries(shape) as [string, Field<unknown>][];
  const known = entries.map(([key]) => key);
  const read = (given: unknown, path: FieldPath, issues: FieldIssue[]): Required<T> => {
    const value = given === undefined ? options.default : given;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      issues.push({
        path,
        message: value === undefined ? 'is missing, expected a record' : `is ${show(value)}, expected a record`,
      });
      return {} as Required<T>;
    }
    for (const key of Object.keys(value))
      if (!known.includes(key))
        issues.push({
          path: [...path, key],
          message: `is not known; known are ${known.length > 0 ? known.join(', ') : 'no settings at all'}`,
        });
    return Object.fromEntries(
      entries.map(([key, inner]) => [
        key,
        inner.read(
          Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined,
          [...path, key],
          issues,
        ),
      ]),
    ) as Required<T>;
  };
  return {
    optional: options.default !== undefined,
    jsonSchema: {
      type: 'object',
      properties: Object.fromEntries(entries.map(([key, inner]) => [key, inner.jsonSchema])),
      required: entries.filter(([, inner]) => !inner.optional).map(([key]) => key),
      additionalProperties: false,
    },
    read,
    '~standard': {
      version: 1,
      vendor: 'tessera',
      validate(value) {
        const issues: FieldIssue[] = [];
        const result = read(value, [], issues);
        return issues.length > 0 ? { issues } : { value: result };
      },
    },
  };
}

function show(value: unknown): string {
  const shown = JSON.stringify(value) ?? String(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
}
