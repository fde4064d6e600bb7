import type { TokenHistory } from './token-history.ts';

/** Tokens that would complete a sequence of `size` tokens which occurs already in prompt and text. */
export function repeatedNgramEnds({ prompt, generated }: TokenHistory, size: number): Set<number> {
  const ids = [...Array.from(prompt), ...Array.from(generated)];
  const ends = new Set<number>();
  const prefix = size - 1; // length of what must match
  const last = ids.length - prefix;
  for (let start = 0; start + prefix < ids.length; start++) {
    let same = 0;
    while (same < prefix && ids[start + same] === ids[last + same]) same++;
    if (same === prefix) ends.add(ids[start + prefix]!);
  }
  return ends;
}
