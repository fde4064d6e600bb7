import { ancestors } from '@tessera/ops';
import type { Entries } from '@tessera/plugin';
import { perEntry, pickRows } from '@tessera/plugin';
import {
  add,
  cast,
  concat,
  equal,
  expandDims,
  full,
  gather,
  iota,
  maximum,
  slice,
  sub,
  sum,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** How many entries of a call came before each along its chain or its path, `[1 or B, n]`, i32. */
export function depths({ parents, valid }: Entries): Tensor {
  if (!parents) return iota([1, valid.shape[1]!], 1);
  return sub(cast(sum(cast(ancestors(parents), 'f32'), { axis: 2 }), 'i32'), 1);
}

/** True where the entry `steps` before is of the same document, `[B, n]`; absent where no document ends. */
export function sameDocument({ documents }: Entries, steps: number): Tensor | undefined {
  if (!documents || steps === 0) return undefined;
  const { index } = documents;
  const [B, n] = index.shape as [number, number];
  const none = full([B, Math.min(steps, n)], -1);
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
  if (entries.parents) return pickRows(whole, placesBefore(entries.parents, J, steps));
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
