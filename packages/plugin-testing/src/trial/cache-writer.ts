import { ancestors, linear } from '@tessera/ops';
import type { MixerFactory, Slots } from '@tessera/plugin';
import {
  contiguousCache,
  defineMixer,
  emptySlots,
  fields,
  linearWeight,
  slotBytes,
  slotsSeen,
  takeSlots,
  validEntries,
} from '@tessera/plugin';
import { equal, expandDims, ones, where, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { attend } from './cache-reader.ts';
import type { Shared } from './cache-reader.ts';

interface WriterParams {
  /** `[D, D]` each. */
  readonly q_proj: Tensor;
  readonly k_proj: Tensor;
  readonly v_proj: Tensor;
}

interface Cache extends Slots {
  /** `[B, S, 1, D]` */
  readonly k: Tensor;
  /** `[B, S, 1, D]` */
  readonly v: Tensor;
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
      bytes: slotBytes({ batch, slots: capacity, elements: 2 * dModel }),
    }),
    init: ({ batch, capacity, dModel }) => ({
      k: zeros([batch, capacity, 1, dModel]),
      v: zeros([batch, capacity, 1, dModel]),
      ...emptySlots(batch, capacity),
    }),
    step({ params, x, positions, starts, lengths, state, parents }) {
      const [B, n] = x.shape as [number, number, number];
      const S = state.k.shape[1]!;
      const { after, slots, write } = takeSlots(state, contiguousCache, { positions, starts, lengths });
      const next: Cache = {
        k: write(state.k, expandDims(linear(x, params.k_proj), 2)),
        v: write(state.v, expandDims(linear(x, params.v_proj), 2)),
        ...after,
      };
      const links: Shared = {
        ...next,
        mask: parents ? slotsSeen(ancestors(parents), slots, S) : ones([B, n, S], 'bool'),
      };
      return { y: attend(linear(x, params.q_proj), positions, links), state: next, links };
    },
  },
});
