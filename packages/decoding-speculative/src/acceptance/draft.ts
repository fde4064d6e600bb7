import { InvalidSpecError } from '@tessera/tensor-core';

/** Tokens that are proposed after a text: a chain, or a tree. */
export interface Draft {
  readonly tokens: readonly number[];
  /** Parent of each, −1: the text itself; parents before children. Absent: each follows the one before it. */
  readonly parents?: readonly number[] | undefined;
  /** What each was drawn from. Absent: none was drawn (a list, a look-up, a greedy choice). */
  readonly drawn?: DrawnFrom | undefined;
}

/** How tokens of a draft were drawn. */
export interface DrawnFrom {
  /** For each token, `[V]` or shorter: before the first of its siblings was drawn, so that siblings have the same. */
  readonly q: readonly ArrayLike<number>[];
  /** Siblings were drawn one after another from the whole of it. @defaultValue false */
  readonly replacement?: boolean | undefined;
}

/** Nothing is proposed. */
export const noDraft: Draft = { tokens: [] };

/** Parent of each token, of a chain, too. */
export function parentsOf({ tokens, parents }: Draft): readonly number[] {
  return parents ?? tokens.map((_, node) => node - 1);
}

/** How many tokens before it, itself not counted, were proposed on the way to each. */
export function depthsOf(parents: readonly number[]): number[] {
  const depths: number[] = [];
  for (const parent of parents) depths.push(parent < 0 ? 0 : depths[parent]! + 1);
  return depths;
}

/** Children of a node in order, −1 being the text itself. */
export function childrenOf(parents: readonly number[], node: number): number[] {
  return parents.flatMap((parent, child) => (parent === node ? [child] : []));
}

/** The draft without what lies deeper than so many tokens. */
export function cropped(draft: Draft, most: number): Draft {
  const parents = parentsOf(draft);
  const depths = depthsOf(parents);
  const kept = draft.tokens.flatMap((_, node) => (depths[node]! < most ? [node] : []));
  if (kept.length === draft.tokens.length) return draft;
  const place = new Map(kept.map((node, index) => [node, index]));
  return {
    tokens: kept.map((node) => draft.tokens[node]!),
    ...(draft.parents && { parents: kept.map((node) => place.get(parents[node]!) ?? -1) }),
    ...(draft.drawn && { drawn: { ...draft.drawn, q: kept.map((node) => draft.drawn!.q[node]!) } }),
  };
}

/**
 * @throws {@link InvalidSpecError} with code `INVALID_SPEC` when parents do not come before children, or a token was drawn from what
 *   does not have it
 */
export function checkDraft(draft: Draft, vocabSize: number, source: string): void {
  const { tokens, parents, drawn } = draft;
  const refuse = (message: string, facts: object): never => {
    throw new InvalidSpecError(`draft of ${source}: ${message}`, { facts: { source, ...facts } });
  };
  if (parents && parents.length !== tokens.length)
    refuse(`${tokens.length} tokens and ${parents.length} parents. Give each token one.`, {});
  if (drawn && drawn.q.length !== tokens.length)
    refuse(`${tokens.length} tokens and ${drawn.q.length} distributions. Give each token one.`, {});
  tokens.forEach((token, node) => {
    const parent = parents?.[node] ?? node - 1;
    if (!Number.isInteger(token) || token < 0 || token >= vocabSize)
      refuse(`token ${node} has id ${token}, and the target has ids 0 to ${vocabSize - 1}.`, { node, token });
    if (!Number.isInteger(parent) || parent < -1 || parent >= node)
      refuse(`the parent of token ${node} is ${parent}, expected one before it, or −1.`, { node, parent });
    if (drawn && !((drawn.q[node]![token] ?? 0) > 0))
      refuse(`token ${node} (id ${token}) has probability 0 in what it was drawn from. Keep what it was drawn from.`, {
        node,
        token,
      });
  });
}
