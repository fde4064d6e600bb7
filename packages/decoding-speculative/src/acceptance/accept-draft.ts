import { placeOf } from '@tessera/sampling';
import { acceptCandidates } from './accept-candidates.ts';
import type { Uniforms } from './accept-candidates.ts';
import type { Draft } from './draft.ts';
import { childrenOf, parentsOf } from './draft.ts';

/** What is needed to decide about a draft. */
export interface AcceptanceCall {
  readonly draft: Draft;
  /**
   * Distribution of the token after a node, −1 being the text itself, after temperature, top-k, penalties and all else, `[V]`. Asked
   * for from the text on, along the accepted path.
   * @param path - the nodes that were accepted, the last of them the node itself
   */
  p(node: number, path: readonly number[]): Float32Array | Float64Array;
  /** Numbers of the position that many tokens after the text. */
  uniforms(depth: number): Uniforms;
}

/** What became of a draft. */
export interface Acceptance {
  /** Accepted nodes, from the text on. */
  readonly path: readonly number[];
  /** The token after them, which was not proposed, or rejected in another's favour. */
  readonly next: number;
}

/**
 * Walks down a draft from the text: one of the children of each node is accepted or another token stands there and ends the walk;
 * after a leaf one more token is drawn. Whatever was proposed, the tokens are distributed as those of plain decoding.
 */
export function acceptDraft({ draft, p, uniforms }: AcceptanceCall): Acceptance {
  const parents = parentsOf(draft);
  const path: number[] = [];
  for (let node = -1; ; node = path.at(-1)!) {
    const target = p(node, path);
    const numbers = uniforms(path.length);
    const children = childrenOf(parents, node);
    if (children.length === 0) return { path, next: placeOf(target, numbers(0)) };
    const { candidate, token } = acceptCandidates(
      target,
      {
        tokens: children.map((child) => draft.tokens[child]!),
        q: draft.drawn?.q[children[0]!],
        replacement: draft.drawn?.replacement,
      },
      numbers,
    );
    if (candidate < 0) return { path, next: token };
    path.push(children[candidate]!);
  }
}
