import {
  add,
  and,
  broadcastTo,
  cast,
  expandDims,
  full,
  gather,
  greaterEqual,
  iota,
  less,
  or,
  scatterSet,
  sub,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import type { CachePolicy } from './cache-policy.ts';
import { pickRows, validEntries } from './rows.ts';

/** What a cache of slots knows of them, beside the rows `[B, S, …]` that a mixer keeps in them. */
export interface Slots {
  /** Position held by each slot, `[B, S]`, i32; −1: none. */
  readonly positions: Tensor;
  /** Entries written so far, `[B]`, i32. */
  readonly count: Tensor;
}

/** Slots that hold nothing. */
export function emptySlots(batch: number, slots: number): Slots {
  return { positions: cast(full([batch, slots], -1), 'i32'), count: zeros([batch], 'i32') };
}

/** Bytes of {@link emptySlots} with rows of so many elements in f32. */
export function slotBytes({ batch, slots, elements }: Record<'batch' | 'slots' | 'elements', number>): number {
  return 4 * batch * (slots * elements + slots + 1);
}

/** The entries of a step, n of them. */
export interface SlotEntries {
  /** Of each entry, `[B, n]`, i32. */
  readonly positions: Tensor;
  /** First entry of each row that counts, `[B]`, i32. Absent: the first. */
  readonly starts?: Tensor;
  /** Entries of each row that count, `[B]`, i32. */
  readonly lengths: Tensor;
}

/** What {@link takeSlots} gives. */
export interface TakenSlots {
  /** The slots after the step. */
  readonly after: Slots;
  /** The slot of each entry, `[B, n]`, i32; −1: it does not count. */
  readonly slots: Tensor;
  /** Writes rows `[B, n, …]` into their slots of a cache `[B, S, …]`. */
  readonly write: (into: Tensor, rows: Tensor) => Tensor;
}

/** Slots for the entries of a step, as the policy has them. */
export function takeSlots({ positions, count }: Slots, policy: CachePolicy, entries: SlotEntries): TakenSlots {
  const n = entries.positions.shape[1]!;
  const { starts, lengths } = entries;
  const node = iota([1, n], 1);
  const valid = starts ? validEntries({ starts, lengths }, n) : less(node, expandDims(lengths, 1));
  const entry = add(expandDims(count, 1), starts ? sub(node, expandDims(starts, 1)) : node);
  const slots = where(valid, policy.slotOf(entry, positions.shape[1]!), -1);
  const write = (into: Tensor, rows: Tensor): Tensor => scatterSet(into, slots, rows, { batchDims: 1 });
  return { after: { positions: write(positions, entries.positions), count: add(count, lengths) }, slots, write };
}

/**
 * Which slots each node of a tree may see: all that are older than the step, and those of its path.
 * @param ancestors - `[B, n, n]`, bool: row i is true at the ancestors of node i, itself included
 * @param slots - of the nodes, `[B, n]`
 * @param capacity - S
 * @returns `[B, n, S]`, bool
 */
export function slotsSeen(ancestors: Tensor, slots: Tensor, capacity: number): Tensor {
  const [B, n] = slots.shape as [number, number];
  const nobody = cast(full([B, capacity], -1), 'i32');
  const writer = scatterSet(nobody, slots, broadcastTo(iota([1, n], 1), [B, n]), { batchDims: 1 }); // node that wrote the slot
  const seen = transpose(gather(transpose(ancestors, 1, 2), writer, { batchDims: 1 }), 1, 2); // [B, n, S]
  return or(expandDims(less(writer, 0), 1), seen);
}

/** What a commit keeps of a step. */
export interface SlotCommit {
  /** Entries that are kept, in order, `[B, depth]`, i32. */
  readonly path: Tensor;
  /** How many of the path count, `[B]`, i32. */
  readonly count: Tensor;
  /** First entry of each row that counted, `[B]`, i32. */
  readonly starts: Tensor;
  /** Entries that the step was given. */
  readonly n: number;
  /** As of a commit: what stays is where it belongs. */
  readonly inOrder?: boolean | undefined;
}

/** What {@link commitSlots} gives. */
export interface KeptSlots {
  /** The slots after the commit. */
  readonly kept: Slots;
  /** Where the entries of the path were, `[B, depth]`, i32. */
  readonly from: Tensor;
  /** Where they are now, `[B, depth]`, i32; −1: not kept. */
  readonly to: Tensor;
  /** Moves the rows of a cache, `[B, S, …]`, alike. */
  readonly move: (rows: Tensor) => Tensor;
}

/** Moves what a path keeps into slots that follow each other; the other slots of the step are empty afterwards. */
export function commitSlots(
  before: Pick<Slots, 'count'>,
  after: Slots,
  policy: CachePolicy,
  { path, count, starts, n, inOrder = false }: SlotCommit,
): KeptSlots {
  const capacity = after.positions.shape[1]!;
  const first = expandDims(before.count, 1);
  const slotOf = (entry: Tensor): Tensor => policy.slotOf(add(first, entry), capacity);
  const place = iota([1, path.shape[1]!], 1);
  const from = slotOf(sub(path, expandDims(starts, 1)));
  const to = where(less(place, expandDims(count, 1)), slotOf(place), -1);
  const node = iota([1, n], 1);
  const wrote = less(node, expandDims(sub(after.count, before.count), 1));
  const written = where(
    inOrder ? and(wrote, greaterEqual(node, expandDims(count, 1))) : wrote, // those that go, or all
    slotOf(node),
    -1,
  );
  const move = (rows: Tensor, into: Tensor = rows): Tensor =>
    inOrder ? into : scatterSet(into, to, pickRows(rows, from), { batchDims: 1 });
  const emptied = scatterSet(after.positions, written, cast(full(written.shape, -1), 'i32'), { batchDims: 1 });
  return {
    kept: { positions: move(after.positions, emptied), count: add(before.count, count) },
    from,
    to,
    move: (rows) => move(rows),
  };
}
