/**
 * Replaces lone surrogates by U+FFFD, which is what UTF-8 would make of them.
 *
 * Control tokens are spelled with lone surrogates inside the library (see `control-spelling.ts`); text that went through here cannot hold one.
 */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}
