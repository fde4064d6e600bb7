import { ModelFormatError } from '@tessera/tensor-core';

/** A parsed JSON object. */
export type JsonRecord = Readonly<Record<string, unknown>>;

/** An error that names the file and the field. */
export function fieldError(file: string, field: string, problem: string, facts: JsonRecord = {}): ModelFormatError {
  return new ModelFormatError(`${file}: ${field} ${problem}`, { facts: { file, field, ...facts } });
}

/** Names a value for a message without printing it: it may be large or hostile. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'function') return 'a function';
  return String(value as undefined | number | boolean | bigint | symbol);
}

/** Reads an own property only, so that nothing is found on a prototype. */
export function own(record: JsonRecord, key: string): unknown {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function recordAt(value: unknown, file: string, field: string): JsonRecord {
  if (isRecord(value)) return value;
  throw fieldError(file, field, value === undefined ? 'is missing.' : `is ${kindOf(value)}, expected an object.`);
}

export function arrayAt(value: unknown, file: string, field: string, maxLength: number): readonly unknown[] {
  if (!Array.isArray(value))
    throw fieldError(file, field, value === undefined ? 'is missing.' : `is ${kindOf(value)}, expected an array.`);
  if (value.length > maxLength)
    throw fieldError(file, field, `has ${value.length} entries, at most ${maxLength} are read.`);
  return value;
}

export function stringAt(value: unknown, file: string, field: string, maxLength: number): string {
  if (typeof value !== 'string')
    throw fieldError(file, field, value === undefined ? 'is missing.' : `is ${kindOf(value)}, expected a string.`);
  if (value.length > maxLength)
    throw fieldError(file, field, `has ${value.length} characters, at most ${maxLength} are read.`);
  return value;
}

export function booleanAt(value: unknown, file: string, field: string, fallback: boolean): boolean {
  if (value === undefined || value === null) return fallback;
  if (typeof value !== 'boolean') throw fieldError(file, field, `is ${kindOf(value)}, expected true or false.`);
  return value;
}

/** Whether a value is an integer from 0 to below the limit. */
export function isInteger(value: unknown, limit: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < limit;
}

export function integerAt(value: unknown, file: string, field: string, limit: number): number {
  if (!isInteger(value, limit))
    throw fieldError(file, field, `is ${kindOf(value)}, expected an integer from 0 to ${limit - 1}.`);
  return value;
}

/** Accepts JSON text or what was parsed from it. */
export function jsonRecord(source: string | object, file: string, maxLength: number): JsonRecord {
  if (typeof source !== 'string') return recordAt(source, file, 'the top level');
  if (source.length > maxLength)
    throw fieldError(file, 'the file', `has ${source.length} characters, at most ${maxLength} are read.`);
  let parsed: unknown;
  try {
    parsed = JSON.parse(source);
  } catch (cause) {
    throw new ModelFormatError(`${file}: not valid JSON (${(cause as Error).message}).`, { cause, facts: { file } });
  }
  return recordAt(parsed, file, 'the top level');
}
