import { own } from '../format/field-check.ts';
import type { JsonRecord } from '../format/field-check.ts';
import { componentsAt } from './component.ts';

const known = [
  'BertNormalizer',
  'Lowercase',
  'NFC',
  'NFD',
  'NFKC',
  'NFKD',
  'Precompiled',
  'Prepend',
  'Replace',
  'Strip',
  'StripAccents',
];

/** Checks a normalizer; the library would read `$` in a replacement as a reference to the match. */
export function exactNormalizer(value: unknown): JsonRecord | null {
  const normalizers = componentsAt(value, 'normalizer', known).map((component) =>
    component['type'] === 'Replace'
      ? { ...component, content: ((own(component, 'content') ?? '') as string).replaceAll('$', '$$$$') }
      : component,
  );
  return normalizers.length === 0 ? null : { type: 'Sequence', normalizers };
}
