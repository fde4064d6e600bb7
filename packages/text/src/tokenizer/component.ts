import { arrayAt, fieldError, isRecord, kindOf, own, recordAt, stringAt } from '../format/field-check.ts';
import type { JsonRecord } from '../format/field-check.ts';
import { limits } from './limits.ts';
import { unsafePattern } from './safe-pattern.ts';

const file = 'tokenizer.json';

/** A `pattern` of a component: literal text or a regular expression. */
export type Pattern = { readonly String: string } | { readonly Regex: string };

/** The names under which each kind of component holds its parts when it is a sequence. */
const partsOf: Readonly<Record<string, string>> = {
  normalizer: 'normalizers',
  pre_tokenizer: 'pretokenizers',
  decoder: 'decoders',
};

/** What the fields of all components must be; null stands for absent. */
const fieldTypes: Readonly<Record<string, 'string' | 'boolean' | 'number'>> = {
  add_prefix_space: 'boolean',
  behavior: 'string',
  clean_text: 'boolean',
  cleanup: 'boolean',
  content: 'string',
  delimiter: 'string',
  handle_chinese_chars: 'boolean',
  individual_digits: 'boolean',
  invert: 'boolean',
  length: 'number',
  lowercase: 'boolean',
  prefix: 'string',
  prepend: 'string',
  prepend_scheme: 'string',
  replacement: 'string',
  split: 'boolean',
  strip_accents: 'boolean',
  strip_left: 'boolean',
  strip_right: 'boolean',
  suffix: 'string',
  use_regex: 'boolean',
};

function checkFields(component: JsonRecord, path: string): void {
  for (const [name, type] of Object.entries(fieldTypes)) {
    const value = own(component, name);
    if (value === undefined || value === null) continue;
    if (typeof value !== type) throw fieldError(file, `${path}.${name}`, `is ${kindOf(value)}, expected a ${type}.`);
    if (typeof value === 'string' && value.length > limits.token)
      throw fieldError(file, `${path}.${name}`, `has more than ${limits.token} characters.`);
    if (value === '' && (name === 'replacement' || name === 'delimiter'))
      throw fieldError(file, `${path}.${name}`, 'is empty.');
  }
}

/** Reads the pattern of a component, refusing one that could run for ever. */
export function patternAt(value: unknown, field: string): Pattern {
  const pattern = recordAt(value, file, field);
  if (own(pattern, 'String') !== undefined) {
    const literal = stringAt(own(pattern, 'String'), file, `${field}.String`, limits.pattern);
    if (literal === '') throw fieldError(file, `${field}.String`, 'is empty.');
    return { String: literal };
  }
  const regex = stringAt(own(pattern, 'Regex'), file, `${field}.Regex`, limits.pattern);
  const problem = unsafePattern(regex);
  if (problem !== undefined)
    throw fieldError(file, `${field}.Regex`, `${problem}: it could take exponential time, so it is refused.`);
  return { Regex: regex };
}

/** Flattens a component that may be null, a single one or a sequence of them; checks types, depth, number and patterns. */
export function componentsAt(
  value: unknown,
  field: 'normalizer' | 'pre_tokenizer' | 'decoder',
  known: readonly string[],
): JsonRecord[] {
  const flat: JsonRecord[] = [];
  const walk = (entry: unknown, path: string, depth: number): void => {
    const component = recordAt(entry, file, path);
    const type = own(component, 'type');
    if (depth > limits.componentDepth)
      throw fieldError(file, path, `is nested more than ${limits.componentDepth} deep.`);
    if (type === 'Sequence') {
      const parts = `${path}.${partsOf[field]}`;
      for (const [index, part] of arrayAt(
        own(component, partsOf[field] as string),
        file,
        parts,
        limits.components,
      ).entries()) {
        if (part !== null) walk(part, `${parts}[${index}]`, depth + 1);
      }
      return;
    }
    if (typeof type !== 'string' || !known.includes(type)) {
      throw fieldError(file, `${path}.type`, `is ${kindOf(type)}, expected one of ${known.join(', ')}, Sequence.`);
    }
    checkFields(component, path);
    const pattern = own(component, 'pattern');
    if (isRecord(pattern)) patternAt(pattern, `${path}.pattern`);
    else if (pattern !== undefined || type === 'Split' || type === 'Replace')
      throw fieldError(file, `${path}.pattern`, `is ${kindOf(pattern)}, expected { String } or { Regex }.`);
    flat.push(component);
    if (flat.length > limits.components) throw fieldError(file, field, `has more than ${limits.components} parts.`);
  };
  if (value !== undefined && value !== null) walk(value, field, 0);
  return flat;
}

/** Escapes literal text for a regular expression. */
export function escapePattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
