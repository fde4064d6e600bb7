/** A slice of a text whose last `scored` tokens are scored, each from all tokens of the slice before it. */
export interface Slice {
  readonly tokens: readonly number[];
  readonly scored: number;
}

/**
 * Slices of `context` + 1 tokens, `stride` apart; what is left at the end is dropped. No token is scored twice: where
 * slices overlap, only what is new counts. A text shorter than one slice is one shorter slice.
 */
export function slicesOf(tokens: readonly number[], context: number, stride: number): Slice[] {
  if (tokens.length < 2) return [];
  if (tokens.length <= context) return [{ tokens, scored: tokens.length - 1 }];
  const slices: Slice[] = [];
  for (let start = 0; start + context + 1 <= tokens.length; start += stride)
    slices.push({
      tokens: tokens.slice(start, start + context + 1),
      scored: start === 0 ? context : Math.min(stride, context),
    });
  return slices;
}
