import { drawOf } from './random-draw.ts';

/** How the tokens of a copy are drawn: each at most once, or freely. */
export type Drawn = 'distinct' | 'free';

/** `length` random tokens, and the same once more. */
export function copiedTwice(
  { vocabSize, length, drawn }: { readonly vocabSize: number; readonly length: number; readonly drawn: Drawn },
  key: readonly [number, number],
): number[] {
  const { below } = drawOf(key);
  const left = Array.from({ length: vocabSize }, (_, id) => id);
  const copy = Array.from({ length }, () =>
    drawn === 'free' ? below(vocabSize) : left.splice(below(left.length), 1)[0]!,
  );
  return [...copy, ...copy];
}

/** What of a second copy was told. */
export interface SecondCopyScore {
  /** Share of the tokens for which the largest score is that of what comes. */
  readonly accuracy: number;
  /** Mean share that the token that comes has of all scores. */
  readonly share: number;
}

/**
 * Scores of tokens against what comes, from the first token of the second copy on, whose follower is the first that can be known.
 * @param scores - `[T, V]`, not negative
 */
export function scoreOfSecondCopy(tokens: readonly number[], scores: ArrayLike<number>, V: number): SecondCopyScore {
  const asked = tokens.length / 2 - 1;
  let [right, share] = [0, 0];
  for (let t = tokens.length / 2; t + 1 < tokens.length; t++) {
    let [best, total] = [0, 0];
    for (let id = 0; id < V; id++) {
      total += scores[t * V + id]!;
      if (scores[t * V + id]! > scores[t * V + best]!) best = id;
    }
    const next = tokens[t + 1]!;
    if (best === next) right++;
    if (total > 0) share += scores[t * V + next]! / total;
  }
  return { accuracy: right / asked, share: share / asked };
}
