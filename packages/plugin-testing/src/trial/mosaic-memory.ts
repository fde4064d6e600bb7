import { attention, l2Normalize, linear } from '@tessera/ops';
import { pickRows } from '@tessera/plugin';
import {
  add,
  concat,
  exp,
  expandDims,
  greater,
  iota,
  mul,
  neg,
  reshape,
  scan,
  scatterSet,
  slice,
  squeeze,
  sub,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Learned tensors of a contextual memory. */
export interface MosaicParams {
  /** `[D, D]` */
  readonly key: Tensor;
  /** `[D, D]` */
  readonly value: Tensor;
  /** β, κ, ν, c: `[4]`. */
  readonly scalars: Tensor;
}

/** What a contextual memory remembers, S pairs at most. */
export interface MosaicState {
  /** Leaky average of keys, `[B, D]`. */
  readonly average: Tensor;
  /** Key of the last entry, whose value is not known yet, `[B, D]`. */
  readonly pendingKey: Tensor;
  /** Half of that value, `[B, D]`. */
  readonly pendingValue: Tensor;
  /** Completed pairs, `[B, S, 1, D]`. */
  readonly keys: Tensor;
  /** `[B, S, 1, D]` */
  readonly values: Tensor;
  /** Entries seen, `[B]`, i32: one more than the pairs. */
  readonly count: Tensor;
}

/** Before the first entry. */
export function emptyMosaic(B: number, S: number, D: number): MosaicState {
  return {
    average: zeros([B, D]),
    pendingKey: zeros([B, D]),
    pendingValue: zeros([B, D]),
    keys: zeros([B, S, 1, D]),
    values: zeros([B, S, 1, D]),
    count: zeros([B], 'i32'),
  };
}

/** e^scale · y / |y| */
function unit(y: Tensor, scale: Tensor): Tensor {
  return mul(l2Normalize(y, 1e-12), exp(scale));
}

/** Reads aligned rows `[B, n, D]`. The value of entry t − 1 comes from entry t: a pair belongs to the edge between two entries. */
export function readMosaic(
  params: MosaicParams,
  x: Tensor,
  lengths: Tensor,
  state: MosaicState,
): { y: Tensor; state: MosaicState } {
  const n = x.shape[1]!;
  const [beta, kappa, nu, c] = [0, 1, 2, 3].map((i) => slice(params.scalars, 0, i, i + 1)) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  const p = linear(x, params.value);
  const { outputs } = scan({
    carry: { average: state.average },
    sequences: { u: transpose(linear(x, params.key), 0, 1) },
    step: ({ average }, { u }) => {
      const next = add(mul(average, exp(neg(beta))), u);
      return { carry: { average: next }, output: { average: next } };
    },
  });
  const averages = concat([expandDims(state.average, 1), transpose(outputs.average, 0, 1)], 1); // [B, n + 1, D]
  const k = unit(slice(averages, 1, 1), kappa);
  const keys = concat([expandDims(state.pendingKey, 1), k], 1);
  const halves = concat([expandDims(state.pendingValue, 1), p], 1);
  const values = unit(add(mul(sub(1, c), p), mul(c, slice(halves, 1, 0, n))), nu);
  const entry = add(expandDims(state.count, 1), expandDims(iota([n]), 0)); // [B, n]
  const counts = sub(expandDims(lengths, 1), expandDims(iota([n]), 0));
  const slots = where(greater(counts, 0), sub(entry, 1), -1); // the very first entry completes nothing: slot −1
  const write = (into: Tensor, rows: Tensor): Tensor => scatterSet(into, slots, expandDims(rows, 2), { batchDims: 1 });
  const next = { keys: write(state.keys, slice(keys, 1, 0, n)), values: write(state.values, values) };
  const [B, S] = state.keys.shape as [number, number];
  const y = attention({
    q: expandDims(k, 2),
    k: next.keys,
    v: next.values,
    queryPositions: sub(entry, 1),
    keyPositions: add(expandDims(iota([S]), 0), zeros([B, S], 'i32')),
    scale: 1,
  });
  const last = (rows: Tensor): Tensor => squeeze(pickRows(rows, reshape(lengths, [B, 1])), 1);
  return {
    y: squeeze(y, 2),
    state: {
      ...next,
      average: last(averages),
      pendingKey: last(keys),
      pendingValue: last(halves),
      count: add(state.count, lengths),
    },
  };
}
