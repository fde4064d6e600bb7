import { attention, linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { alignRows, constant, defineMixer, fields, linearWeight, pickRows, refuseSegments } from '@tessera/plugin';
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
  rsqrt,
  scan,
  scatterSet,
  slice,
  square,
  squeeze,
  sub,
  sum,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

interface Params {
  /** `[D, D]` */
  readonly key: Tensor;
  /** `[D, D]` */
  readonly value: Tensor;
  /** β, κ, ν, c: `[4]`. */
  readonly scalars: Tensor;
}

interface State {
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

const name = '@tessera/plugin-testing:memory-mosaic';

function empty(B: number, S: number, D: number): State {
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
  return mul(mul(y, rsqrt(add(sum(square(y), { axis: -1, keepDims: true }), 1e-12))), exp(scale));
}

/** Reads aligned rows `[B, n, D]`. The value of entry t − 1 comes from entry t: a pair belongs to the edge between two entries. */
function read(params: Params, x: Tensor, lengths: Tensor, state: State): { y: Tensor; state: State } {
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

/** The contextual memory of Memory Mosaics, one head: its last pair waits for the next token. */
export const memoryMosaic: MixerFactory<Record<never, never>, Params, State> = defineMixer({
  contract: 'sequence-mixer/1',
  name,
  config: fields<Record<never, never>>({}),
  params: ({ dModel: D }) => ({
    key: linearWeight(D, D),
    value: linearWeight(D, D),
    scalars: { shape: [4], init: constant(0.5) },
  }),
  forward(call) {
    refuseSegments(name, call);
    const { params, x, lengths } = call;
    const [B, T, D] = x.shape as [number, number, number];
    const rows = alignRows(call, T);
    return { y: rows.restore(read(params, rows.align(x), lengths, empty(B, T, D)).y) };
  },
  decoding: {
    memory: ({ batch: B, capacity: S, dModel: D }) => ({ growth: 'linear', bytes: 4 * B * (2 * S * D + 3 * D + 1) }),
    init: ({ batch, capacity, dModel }) => empty(batch, capacity, dModel),
    step(call) {
      const rows = alignRows(call, call.x.shape[1]!);
      const { y, state } = read(call.params, rows.align(call.x), call.lengths, call.state);
      return { y: rows.restore(y), state };
    },
  },
});
