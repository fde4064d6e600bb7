import { ModelFormatError } from '@tessera/tensor-core';

/** Reads the fields of a JSON object one by one, and refuses those that nobody asked for. */
export class JsonRecord {
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #read = new Set<string>();

  /** @throws {@link ModelFormatError} when the value is no object */
  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, value, 'an object');
    this.#values = value as Readonly<Record<string, unknown>>;
    this.#where = where;
  }

  /** Where a field stands, for messages. */
  at(name: string): string {
    return `${this.#where}: ${name}`;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  /** The value of a field that is there. */
  value(name: string): unknown {
    this.#read.add(name);
    if (!this.has(name)) throw new ModelFormatError(`${this.at(name)} is missing. Take a whole trajectory.`);
    return this.#values[name];
  }

  number(name: string): number {
    const value = this.value(name);
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw wrong(this.at(name), value, 'a number');
  }

  text(name: string): string {
    const value = this.value(name);
    if (typeof value === 'string') return value;
    throw wrong(this.at(name), value, 'a text');
  }

  /** A boolean, or what stands for a field that is not there. */
  flag(name: string, absent: boolean): boolean {
    if (!this.has(name)) return absent;
    const value = this.value(name);
    if (typeof value === 'boolean') return value;
    throw wrong(this.at(name), value, 'true or false');
  }

  /** A number, or what stands for a field that is not there. */
  numberOr(name: string, absent: number): number {
    return this.has(name) ? this.number(name) : absent;
  }

  numbers(name: string): readonly number[] {
    const value = this.value(name);
    if (Array.isArray(value) && value.every((each) => typeof each === 'number' && Number.isFinite(each))) return value;
    throw wrong(this.at(name), value, 'a list of numbers');
  }

  record(name: string): JsonRecord {
    return new JsonRecord(this.value(name), this.at(name));
  }

  /** @throws {@link ModelFormatError} naming a field that was not read */
  end(): void {
    const unknown = Object.keys(this.#values).find((name) => !this.#read.has(name));
    if (unknown === undefined) return;
    throw new ModelFormatError(
      `${this.at(unknown)} is not understood, expected ${[...this.#read].join(', ')}. What it asks for would not be replayed.`,
      { facts: { field: unknown } },
    );
  }
}

/** The error of a value that is not understood. */
export function wrong(where: string, value: unknown, expected: string): ModelFormatError {
  return new ModelFormatError(`${where} is ${JSON.stringify(value) ?? String(value)}, expected ${expected}.`, {
    facts: { where, value, expected },
  });
}
