import { ancestors, linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { contiguousCache, defineMixer, fields, linearWeight, validEntries } from '@tessera/plugin';
import {
  add,
  broadcastTo,
  cast,
  equal,
  expandDims,
  full,
  gather,
  iota,
  less,
  or,
  ones,
  scatterSet,
  sub,
  transpose,
  where,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { attend } from './cache-reader.ts';
import type { Shared } from './cache-reader.ts';

interface WriterParams {
  /** `[D, D]` each. */
  readonly q_proj: Tensor;
  readonly k_proj: Tensor;
  readonly v_proj: Tensor;
}

interface Cache {
  /** `[B, S, 1, D]` */
  readonly k: Tensor;
  /** `[B, S, 1, D]` */
  readonly v: Tensor;
  /** `[B, S]`, i32; −1: nothing. */
  readonly positions: Tensor;
  /** `[B]`, i32 */
  readonly count: Tensor;
}

/** The layer that makes the cache, and hands it on: whole keys and values in forward, the slots of its state in a step. */
export const cacheWriter: MixerFactory<Record<never, never>, WriterParams, Cache> = defineMixer({
  contract: 'sequence-mixer/1',
  name: '@tessera/plugin-testing:cache-writer',
  config: fields<Record<never, never>>({}),
  params: ({ dModel: D }) => ({ q_proj: linearWeight(D, D), k_proj: linearWeight(D, D), v_proj: linearWeight(D, D) }),
  forward({ params, x, positions, segments, ...rows }) {
    const [B, T] = x.shape as [number, number, number];
    const links: Shared = {
      k: expandDims(linear(x, params.k_proj), 2),
      v: expandDims(linear(x, params.v_proj), 2),
      positions: where(validEntries(rows, T), positions, -1),
      mask: segments ? equal(expandDims(segments, 2), expandDims(segments, 1)) : ones([B, T, T], 'bool'),
    };
    return { y: attend(linear(x, params.q_proj), positions, links), links };
  },
  decoding: {
    trees: true,
    memory: ({ batch, capacity, dModel }) => ({
      growth: 'linear',
      bytes: 4 * batch * (2 * capacity * dModel + capacity + 1),
    }),
    init: ({ batch, capacity, dModel }) => ({
      k: zeros([batch, capacity, 1, dModel]),
      v: zeros([batch, capacity, 1, dModel]),
      positions: cast(full([batch, capacity], -1), 'i32'),
      count: zeros([batch], 'i32'),
    }),
    step({ params, x, positions, starts, lengths, state, parents }) {
      const [B, n] = x.shape as [number, number, number];
      const S = state.k.shape[1]!;
      const entry = add(expandDims(state.count, 1), sub(expandDims(iota([n]), 0), expandDims(starts, 1)));
      const slots = where(validEntries({ starts, lengths }, n), contiguousCache.slotOf(entry, S), -1);
      const write = (into: Tensor, rows: Tensor): Tensor => scatterSet(into, slots, rows, { batchDims: 1 });
      const next: Cache = {
        k: write(state.k, expandDims(linear(x, params.k_proj), 2)),
        v: write(state.v, expandDims(linear(x, params.v_proj), 2)),
        positions: write(state.positions, positions),
        count: add(state.count, lengths),
      };
      const links: Shared = { ...next, mask: parents ? treeMask(parents, slots, S) : ones([B, n, S], 'bool') };
      return { y: attend(linear(x, params.q_proj), positions, links), state: next, links };
    },
  },
});

function treeMask(parents: Tensor, slots: Tensor, S: number): Tensor {
  const [B, n] = parents.shape as [number, number];
  const node = broadcastTo(expandDims(iota([n]), 0), [B, n]);
  const writer = scatterSet(cast(full([B, S], -1), 'i32'), slots, node, { batchDims: 1 });
  const seen = gather(transpose(ancestors(parents)), writer, { batchDims: 1 }); // [B, S, n]
  return or(expandDims(less(writer, 0), 1), transpose(seen));
}
