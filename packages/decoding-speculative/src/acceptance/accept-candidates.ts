import { placeOf } from '@tessera/sampling';
import { residual, without } from './residual.ts';

/** How candidates for one position came about. */
export interface Candidates {
  /** Tokens in the order in which they were drawn. */
  readonly tokens: readonly number[];
  /**
   * What the first of them was drawn from, `[V]` or shorter: further tokens have probability 0. Absent: they were not drawn at all
   * (a list, a look-up), and no token helps by standing there twice.
   */
  readonly q?: ArrayLike<number> | undefined;
  /** True: each was drawn from the whole of q; false: from what the ones before it had left. @defaultValue false */
  readonly replacement?: boolean | undefined;
}

/** Which candidate stays, and the token that then stands there. */
export interface Accepted {
  /** Index of the candidate, −1: none. */
  readonly candidate: number;
  readonly token: number;
}

/** Uniform numbers of one position: number 0 decides which token is drawn, number 1 + i tests candidate i. */
export type Uniforms = (number: number) => number;

/**
 * The token at one position: a candidate or another one, and for any q distributed as p. Drawn candidates are tested one after another:
 * accepted when u · q(c) < r(c), where r begins as p; else r becomes norm((r − q)₊), and without replacement q loses c. Candidates
 * that were not drawn are accepted with p(c) in all: the token is drawn from p with the number that plain decoding takes, so that
 * a seed gives the same text with and without them.
 * @param p - of the target after all options, `[V]`
 * @see Leviathan et al. 2022, arXiv:2211.17192, and Chen et al. 2023, arXiv:2302.01318, for one candidate; Miao et al. 2023,
 *   arXiv:2305.09781, for several.
 */
export function acceptCandidates(
  p: Float32Array | Float64Array,
  { tokens, q, replacement = false }: Candidates,
  uniforms: Uniforms,
): Accepted {
  if (!q) {
    const token = placeOf(p, uniforms(0));
    return { candidate: tokens.indexOf(token), token };
  }
  let r: Float32Array | Float64Array = p;
  let from: ArrayLike<number> = q;
  for (const [candidate, token] of tokens.entries()) {
    if (uniforms(1 + candidate) * (from[token] ?? 0) < r[token]!) return { candidate, token };
    r = residual(r, from);
    if (!replacement) from = without(from, token);
  }
  return { candidate: -1, token: placeOf(r, uniforms(0)) };
}
