import { isTesseraError } from '@tessera/tensor-core';

/** What Tessera throws on purpose says what to do; anything else is named as what it is, a surprise. */
export function sentenceOf(error: unknown): string {
  if (isTesseraError(error)) return error.message;
  return `Something unexpected went wrong: ${error instanceof Error ? error.message : String(error)}`;
}
