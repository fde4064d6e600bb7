import { attention, linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { contiguousCache, defineMixer, fields, linearWeight, validEntries } from '@tessera/plugin';
import { add, cast, equal, expandDims, full, iota, scatterSet, squeeze, sub, where, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Learned tensors of {@link growingCache}, `[D, D]` each. */
interface Params {
  readonly q_proj: Tensor;
  readonly k_proj: Tensor;
  readonly v_proj: Tensor;
}

/** S slots. */
interface State {
  /** `[B, S, 1, D]` */
  readonly k: Tensor;
  /** `[B, S, 1, D]` */
  readonly v: Tensor;
  /** `[B, S]`, i32; −1: nothing. */
  readonly positions: Tensor;
  /** Entries written, `[B]`, i32. */
  readonly count: Tensor;
}

function project({ q_proj, k_proj, v_proj }: Params, x: Tensor): { q: Tensor; k: Tensor; v: Tensor } {
  const head = (weight: Tensor): Tensor => expandDims(linear(x, weight), 2); // [B, n, 1, D]
  return { q: head(q_proj), k: head(k_proj), v: head(v_proj) };
}

/**
 * One head of attention with a growing cache and nothing that would be faster than the contract's defaults: trees go node
 * by node, a commit restores the snapshot and steps again.
 */
export const growingCache: MixerFactory<Record<never, never>, Params, State> = defineMixer({
  contract: 'sequence-mixer/1',
  name: '@tessera/plugin-testing:growing-cache',
  config: fields<Record<never, never>>({}),
  params: ({ dModel: D }) => ({ q_proj: linearWeight(D, D), k_proj: linearWeight(D, D), v_proj: linearWeight(D, D) }),
  forward({ params, x, positions, segments, ...rows }) {
    const keyPositions = where(validEntries(rows, x.shape[1]!), positions, -1);
    const mask = segments && equal(expandDims(segments, 2), expandDims(segments, 1));
    const o = attention({
      ...project(params, x),
      queryPositions: positions,
      keyPositions,
      ...(mask && { mask }),
    });
    return { y: squeeze(o, 2) };
  },
  decoding: {
    memory: ({ batch, capacity, chunk, dModel, cache = contiguousCache }) => {
      const slots = cache.slots({ capacity, chunk });
      return { growth: 'linear', bytes: 4 * batch * (2 * slots * dModel + slots + 1) };
    },
    init({ batch, capacity, chunk, dModel, cache = contiguousCache }) {
      const slots = cache.slots({ capacity, chunk });
      return {
        k: zeros([batch, slots, 1, dModel]),
        v: zeros([batch, slots, 1, dModel]),
        positions: cast(full([batch, slots], -1), 'i32'),
        count: zeros([batch], 'i32'),
      };
    },
    step({ params, x, positions, starts, lengths, state, cache = contiguousCache }) {
      const n = x.shape[1]!;
      const { q, k, v } = project(params, x);
      const entry = add(expandDims(state.count, 1), sub(expandDims(iota([n]), 0), expandDims(starts, 1)));
      const slots = where(validEntries({ starts, lengths }, n), cache.slotOf(entry, state.k.shape[1]!), -1);
      const write = (into: Tensor, rows: Tensor): Tensor => scatterSet(into, slots, rows, { batchDims: 1 });
      const next = {
        k: write(state.k, k),
        v: write(state.v, v),
        positions: write(state.positions, positions),
        count: add(state.count, lengths),
      };
      const o = attention({ q, k: next.k, v: next.v, queryPositions: positions, keyPositions: next.positions });
      return { y: squeeze(o, 2), state: next };
    },
  },
});
