import type { Call } from '@tessera/plugin';
import { alignRows } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import {
  FeatureUnavailableError,
  and,
  cast,
  concat,
  cumsum,
  expandDims,
  greater,
  greaterEqual,
  notEqual,
  slice,
  sub,
  where,
  zeros,
} from '@tessera/tensor-core';
import { ancestors } from '@tessera/ops';

/** The entries of a call, each row moved to its start, so that padding is only at the end. */
export interface Entries {
  /** `[B, n]`, bool: which entries count. */
  readonly valid: Tensor;
  /** Entries of each row that count, `[B]`, i32. */
  readonly lengths: Tensor;
  /** Moves `x [B, n, …]` to the start of its row. */
  align(x: Tensor): Tensor;
  /** Moves `y [B, n, …]` back. */
  restore(y: Tensor): Tensor;
  /** Of packed documents; absent: a row is one document. */
  readonly documents?: Documents;
  /** Of drafts that form a tree; absent: a chain. */
  readonly tree?: Tree;
}

/** Documents that are packed into rows. The first entry of a call goes on with the document that the state belongs to. */
export interface Documents {
  /** `[B, n]`, bool: entries before which everything is forgotten. */
  readonly begins: Tensor;
  /** `[B, n]`: how many documents have begun within the row up to an entry, as numbers in f32. */
  readonly index: Tensor;
}

/** Drafts that form a tree. */
export interface Tree {
  /** `[B, n]`, i32: the parent of each node, −1 at a root. */
  readonly parents: Tensor;
  /** `[B, n, n]`, bool: row i is true at the ancestors of node i, itself included. */
  readonly ancestors: Tensor;
}

/** What of a call says which entries there are. */
export type EntriesCall = Pick<Call<object, object>, 'starts' | 'lengths' | 'segments'> & { readonly parents?: Tensor };

/**
 * The entries of a call of n. A single entry stays where it is, as it is: a decode step then moves nothing, and whoever reads what
 * does not count has to put `valid` before it.
 * @throws FeatureUnavailableError when nodes of a tree are said to be of several documents
 */
export function entriesOf({ starts, lengths, segments, parents }: EntriesCall, n: number, name: string): Entries {
  if (n === 1) return { valid: greater(expandDims(lengths, 1), 0), lengths, align: (x) => x, restore: (y) => y };
  if (segments && parents)
    throw new FeatureUnavailableError(
      `${name}: a step over a tree was given segments, and all nodes of a tree are of one document. Give either parents or segments.`,
      { facts: { mixer: name } },
    );
  const rows = alignRows({ starts, lengths }, n);
  const documents = segments && n > 0 && documentsOf(rows.align(segments), rows.valid);
  const tree = parents && treeOf(rows.align(parents), rows.valid, starts);
  return { ...rows, lengths, ...(documents && { documents }), ...(tree && { tree }) };
}

function documentsOf(segments: Tensor, valid: Tensor): Documents {
  const [B, n] = segments.shape as [number, number];
  const changes = notEqual(slice(segments, 1, 1, n), slice(segments, 1, 0, n - 1));
  const begins = and(concat([greater(zeros([B, 1]), 0), changes], 1), valid);
  return { begins, index: cumsum(cast(begins, 'f32'), 1) };
}

function treeOf(parents: Tensor, valid: Tensor, starts: Tensor): Tree {
  // Parents are counted as the entries were given.
  const moved = where(and(valid, greaterEqual(parents, 0)), sub(parents, expandDims(starts, 1)), -1);
  return { parents: moved, ancestors: ancestors(moved) };
}
