import { ancestors } from '@tessera/ops';
import type { Entries } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  and,
  cast,
  equal,
  expandDims,
  iota,
  lessEqual,
  max,
  reshape,
  slice,
  sub,
  sum,
  where,
} from '@tessera/tensor-core';

/** Where the entries of a call stand among the groups. */
export interface Places {
  /** Number of each entry on its way, counted from the first entry of the group that is open, `[B, n]`, i32. */
  readonly place: Tensor;
  /** True where entry i sees entry j, its own included, `[B, n, n]`. */
  readonly sees: Tensor;
  /** What the state after the call keeps of those before it and of its own. Absent: of a tree there is no state. */
  readonly after?: AfterCall;
}

/** What of a call the state after it is made of. */
export interface AfterCall {
  /** Its entries, `[B, n]`, bool. */
  readonly kept: Tensor;
  /** Entries since the beginning of the open group, those of the call included, `[B]`, i32. */
  readonly total: Tensor;
}

/** Of packed documents, which entries and which rows go on with the document of the state; absent: all of them. */
export interface GoesOn {
  /** `[B, n]`, bool */
  readonly entry: Tensor;
  /** `[B]`, bool: the last entry does. */
  readonly row: Tensor;
}

/** @param phase - entries of the open group, `[B]`, i32 */
export function placesOf(entries: Entries, phase: Tensor, goesOn: GoesOn | undefined): Places {
  const { valid, lengths, documents, parents } = entries;
  const n = valid.shape[1]!;
  const before = expandDims(phase, 1);
  const counted = expandDims(valid, 1);
  if (parents) {
    const sees = and(ancestors(parents), counted);
    return { place: add(before, ordinal(sees)), sees };
  }
  const chain = and(lessEqual(iota([1, n, n], 2), iota([1, n, n], 1)), counted);
  if (!documents || !goesOn)
    return { place: add(before, iota([1, n], 1)), sees: chain, after: { kept: valid, total: add(phase, lengths) } };
  const { index } = documents;
  const sees = and(chain, equal(expandDims(index, 2), expandDims(index, 1)));
  const place = add(where(goesOn.entry, before, 0), ordinal(sees));
  const kept = and(valid, equal(index, slice(index, 1, n - 1)));
  const total = where(equal(lengths, 0), phase, max(where(kept, add(place, 1), 0), { axis: 1 }));
  return { place, sees, after: { kept, total } };
}

/** Which entries go on with the document of the state. */
export function goesOnOf({ documents }: Entries): GoesOn | undefined {
  if (!documents) return undefined;
  const entry = equal(documents.index, 0);
  const [B, n] = entry.shape as [number, number];
  return { entry, row: reshape(slice(entry, 1, n - 1), [B]) };
}

/** How many entries each sees before itself, `[B, n]`, i32. */
function ordinal(sees: Tensor): Tensor {
  return sub(sum(cast(sees, 'i32'), { axis: 2 }), 1);
}
