import { UnsupportedOptionError } from '@tessera/tensor-core';

/**
 * Token ids that a person wrote for a model without a tokenizer.
 * @throws {@link UnsupportedOptionError} for anything else
 */
export function idsOf(text: string): number[] {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  if (words.length === 0 || !words.every((word) => /^\d+$/.test(word)))
    throw new UnsupportedOptionError(
      'This model has no tokenizer, so it continues token ids and not words. Write ids, such as 1 2 3.',
    );
  return words.map(Number);
}
