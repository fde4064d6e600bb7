import { ancestors } from '@tessera/ops';
import type { Call } from '@tessera/plugin';
import { alignRows, perEntry, pickRows } from '@tessera/plugin';
import {
  FeatureUnavailableError,
  add,
  and,
  cast,
  concat,
  cumsum,
  equal,
  expandDims,
  full,
  gather,
  greater,
  greaterEqual,
  iota,
  less,
  maximum,
  notEqual,
  slice,
  sub,
  sum,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

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
  /** Drafts that form a tree; absent: a chain. */
  readonly tree?: Tree;
}

/** Documents that are packed into rows. */
interface Documents {
  /** `[B, n]`, bool: entries before which everything is forgotten. */
  readonly begins: Tensor;
  /** Number of the document of each entry within its row, `[B, n]`, i32. */
  readonly index: Tensor;
}

/** Drafts that form a tree. */
interface Tree {
  /** `[B, n]`, i32: the parent of each node, −1 at a root. */
  readonly parents: Tensor;
  /** `[B, n, n]`, bool: row i is true at the ancestors of node i, itself included. */
  readonly ancestors: Tensor;
}

/** What of a call says which entries there are. */
export type EntriesCall = Pick<Call<object, object>, 'starts' | 'lengths' | 'segments'> & { readonly parents?: Tensor };

/**
 * The entries of a call of n. A single entry stays where it is: a decode step then moves nothing, and what does not count is
 * only told apart by `valid`.
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
  const moved = parents && rows.align(parents);
  // Parents are counted as the entries were given.
  const own = moved && where(and(rows.valid, greaterEqual(moved, 0)), sub(moved, expandDims(starts, 1)), -1);
  return {
    ...rows,
    lengths,
    ...(segments && { documents: documentsOf(rows.align(segments)) }),
    ...(own && { tree: { parents: own, ancestors: ancestors(own) } }),
  };
}

/** The first `count` of `n` entries as a chain: what a commit reads once more. */
export function chainOf(count: Tensor, n: number): Entries {
  const valid = less(iota([1, n], 1), expandDims(count, 1));
  return { valid, lengths: count, align: (x) => x, restore: (y) => y };
}

function documentsOf(segments: Tensor): Documents {
  const [B, n] = segments.shape as [number, number];
  const changes = notEqual(slice(segments, 1, 1, n), slice(segments, 1, 0, n - 1));
  const begins = concat([greater(zeros([B, 1]), 0), changes], 1);
  return { begins, index: cast(cumsum(cast(begins, 'f32'), 1), 'i32') };
}

/** How many entries of a call came before each along its chain or its path, `[1 or B, n]`, i32. */
export function depths({ tree, valid }: Entries): Tensor {
  if (!tree) return iota([1, valid.shape[1]!], 1);
  return sub(cast(sum(cast(tree.ancestors, 'f32'), { axis: 2 }), 'i32'), 1);
}

/** True where the entry `steps` before is of the same document, `[B, n]`; absent where no document ends. */
export function sameDocument({ documents }: Entries, steps: number): Tensor | undefined {
  if (!documents || steps === 0) return undefined;
  const { index } = documents;
  const [B, n] = index.shape as [number, number];
  const none = cast(full([B, Math.min(steps, n)], -1), 'i32');
  return equal(index, concat([none, slice(index, 1, 0, Math.max(n - steps, 0))], 1));
}

/**
 * What stood `steps` entries before each, along its chain or its path; zeros across the border of a document.
 * @param x - `[B, n, …]`, aligned
 * @param history - the last J ≥ steps entries before those of the call, oldest first, `[B, J, …]`
 * @returns `[B, n, …]`
 */
export function entriesBefore(x: Tensor, history: Tensor, steps: number, entries: Entries): Tensor {
  if (steps === 0) return x;
  const [n, J] = [x.shape[1]!, history.shape[1]!];
  const whole = concat([history, x], 1); // [B, J + n, …]
  if (entries.tree) return pickRows(whole, placesBefore(entries.tree.parents, J, steps));
  const before = slice(whole, 1, J - steps, J - steps + n);
  const same = sameDocument(entries, steps);
  return same ? where(perEntry(same, before), before, 0) : before;
}

/** Where the `steps`-th ancestor of each node stands in what came before, then the nodes: `[B, n]`. */
function placesBefore(parents: Tensor, J: number, steps: number): Tensor {
  const [B, n] = parents.shape as [number, number];
  const older = maximum(sub(iota([1, J], 1), 1), 0);
  const above = concat([add(older, zeros([B, J], 'i32')), add(parents, J)], 1); // one step before each; a root has J − 1
  let places = add(iota([1, n], 1), add(zeros([B, n], 'i32'), J));
  for (let step = 0; step < steps; step++) places = gather(above, places, { batchDims: 1 });
  return places;
}

/** The last J entries that count, those of `history [B, J, …]` among them where the call has fewer. */
export function lastEntries(x: Tensor, history: Tensor, { lengths }: Entries): Tensor {
  const J = history.shape[1]!;
  return pickRows(concat([history, x], 1), add(expandDims(lengths, 1), iota([1, J], 1)));
}
