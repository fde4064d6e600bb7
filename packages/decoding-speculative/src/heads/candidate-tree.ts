import { UnsupportedOptionError } from '@tessera/tensor-core';

/**
 * Candidates as a tree of ranks: `[1, 0]` is the likeliest token of the second head behind the second likeliest of the first. Parents
 * before children; where fewer nodes may be, the first ones are.
 */
export type CandidateTree = readonly (readonly number[])[];

/** A tree with what a draft is made of. */
export interface CandidateNodes {
  /** Of each node the head that proposes it. */
  readonly heads: readonly number[];
  /** Its place among that head's likeliest tokens. */
  readonly ranks: readonly number[];
  /** −1: the text itself. */
  readonly parents: readonly number[];
  /** Of each head how many of its likeliest tokens are needed. */
  readonly widths: readonly number[];
}

/** The likeliest token of each head behind that of the one before. */
export function candidateChain(heads: number): CandidateTree {
  return Array.from({ length: heads }, (_, head) => new Array<number>(head + 1).fill(0));
}

/** Roughly how often the likeliest tokens of a first head are right, and what a head has of the one before it. */
const [usual, falling] = [[0.6, 0.15, 0.08, 0.04], 0.85] as const;

/** The paths that most often stay where heads are as good as is usual, the best first. */
export function usualTree(heads: number, nodes: number): CandidateTree {
  const tree: (readonly number[])[] = [];
  const waiting = [{ path: [] as readonly number[], chance: 1 }];
  while (tree.length < nodes && waiting.length > 0) {
    waiting.sort((a, b) => b.chance - a.chance);
    const { path, chance } = waiting.shift()!;
    if (path.length > 0) tree.push(path);
    if (path.length === heads) continue;
    waiting.push(
      ...usual.map((share, rank) => ({ path: [...path, rank], chance: chance * share * falling ** path.length })),
    );
  }
  return tree;
}

/**
 * Reads a tree of ranks.
 * @throws {@link UnsupportedOptionError} naming a path that is empty, stands there twice or before its parent, is deeper than there are
 *   heads, or has a rank that is none
 */
export function candidateNodes(tree: CandidateTree, heads: number, vocabSize: number): CandidateNodes {
  const places = new Map<string, number>([['', -1]]);
  const parents = tree.map((path, node) => {
    const refuse = (what: string): never => {
      throw new UnsupportedOptionError(
        `medusaHeads: path ${node} of the tree is [${path.join(', ')}], ${what}. Give paths such as [0], [0, 0], [1].`,
        { facts: { path, heads } },
      );
    };
    if (path.length < 1 || path.length > heads) refuse(`expected 1 to ${heads} ranks, as many as there are heads`);
    if (!path.every((rank) => Number.isInteger(rank) && rank >= 0 && rank < vocabSize))
      refuse(`expected ranks from 0 to ${vocabSize - 1}`);
    if (places.has(path.join())) refuse('which stands there twice');
    const parent = places.get(path.slice(0, -1).join());
    if (parent === undefined) refuse(`and nothing before it is [${path.slice(0, -1).join(', ')}]`);
    places.set(path.join(), node);
    return parent!;
  });
  if (tree.length === 0)
    throw new UnsupportedOptionError('medusaHeads: the tree is empty. Give one path at least, or leave tree out.');
  const widths = Array.from({ length: heads }, (_, head) =>
    Math.max(0, ...tree.map((path) => (path.length > head ? path[head]! + 1 : 0))),
  );
  return { heads: tree.map((path) => path.length - 1), ranks: tree.map((path) => path.at(-1)!), parents, widths };
}

/** The ids of the largest of some numbers, the largest first; of equal ones the first. */
export function likeliest(logits: Float32Array, count: number): readonly number[] {
  const ids: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    if (ids.length === count && !(logits[id]! > logits[ids.at(-1)!]!)) continue;
    let place = ids.length;
    while (place > 0 && logits[id]! > logits[ids[place - 1]!]!) place--;
    ids.splice(place, 0, id);
    if (ids.length > count) ids.pop();
  }
  return ids;
}
