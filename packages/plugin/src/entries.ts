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
  iota,
  less,
  notEqual,
  slice,
  sub,
  where,
  zeros,
} from '@tessera/tensor-core';
import { isKnownZero } from './known-zero.ts';
import type { Call, StepCall } from './mixer.ts';
import type { AlignedRows } from './rows.ts';
import { alignRows } from './rows.ts';

/** The entries of a call, each row moved to its start, so that padding is only at the end: what recurrent layers go by. */
export interface Entries extends AlignedRows {
  /** Entries of each row that count, `[B]`, i32. */
  readonly lengths: Tensor;
  /** Of packed documents; absent: a row is one document. */
  readonly documents?: PackedDocuments;
  /** Of drafts that form a tree, the parent of each node, counted from the first entry of its row, −1 at a root: `[B, n]`, i32. Absent: a chain. */
  readonly parents?: Tensor;
  /** True: a commit in order follows, see {@link StepCall.draft}. Never of a tree. */
  readonly draft?: boolean;
}

/** Documents that are packed into rows. The first entry of a call goes on with the document that the state belongs to. */
export interface PackedDocuments {
  /** `[B, n]`, bool: entries before which everything is forgotten. */
  readonly begins: Tensor;
  /** `[B, n]`: how many documents have begun within the row up to an entry, as numbers in f32. */
  readonly index: Tensor;
}

/** What of a call says which entries there are. */
export type EntriesCall = Pick<Call<object, object>, 'starts' | 'lengths' | 'segments'> &
  Pick<StepCall<object, object, object>, 'parents' | 'draft'>;

/**
 * The entries of a call of n. Where nothing has to be moved, and a single entry never has, they stay as they are: a decode step then
 * moves nothing, and what is made of entries does not depend on how many count. So whoever reads what does not count has to put `valid`
 * before it.
 * @param mixer - for the message
 * @throws {@link FeatureUnavailableError} when nodes of a tree are said to be of several documents
 */
export function entriesOf(
  { starts, lengths, segments, parents, draft }: EntriesCall,
  n: number,
  mixer: string,
): Entries {
  if (n === 1) return { valid: greater(expandDims(lengths, 1), 0), lengths, align: (x) => x, restore: (y) => y };
  if (segments && parents)
    throw new FeatureUnavailableError(
      `${mixer}: a step over a tree was given segments, and all nodes of a tree are of one document. Give either parents or segments.`,
      { facts: { mixer } },
    );
  const rows = rowsOf({ starts, lengths }, n);
  const documents = segments && n > 0 && documentsOf(rows.align(segments), rows.valid);
  const own = parents && rows.align(parents);
  return {
    ...rows,
    lengths,
    ...(documents && { documents }),
    ...(draft && !parents && { draft }),
    // Parents are counted as the entries were given.
    ...(own && { parents: where(and(rows.valid, greaterEqual(own, 0)), sub(own, expandDims(starts, 1)), -1) }),
  };
}

function rowsOf(places: { readonly starts: Tensor; readonly lengths: Tensor }, n: number): AlignedRows {
  const rows = alignRows(places, n);
  return isKnownZero(places.starts) ? { ...rows, align: (x) => x } : rows;
}

/**
 * The first `count` of n entries as a chain: what a commit reads once more.
 * @param count - `[B]`, i32
 */
export function chainOf(count: Tensor, n: number): Entries {
  const valid = less(iota([1, n], 1), expandDims(count, 1));
  return { valid, lengths: count, align: (x) => x, restore: (y) => y };
}

function documentsOf(segments: Tensor, valid: Tensor): PackedDocuments {
  const [B, n] = segments.shape as [number, number];
  const changes = notEqual(slice(segments, 1, 1, n), slice(segments, 1, 0, n - 1));
  const begins = and(concat([greater(zeros([B, 1]), 0), changes], 1), valid);
  return { begins, index: cumsum(cast(begins, 'f32'), 1) };
}
