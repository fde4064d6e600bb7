import { attention, linear } from '@tessera/ops';
import type { Links, MixerFactory } from '@tessera/plugin';
import { defineMixer, fields, linearWeight } from '@tessera/plugin';
import { expandDims, squeeze } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** What the reader sees of the writer: the memory, and which of its slots each entry may see, `[B, n, S]`. */
export interface Shared extends Links {
  readonly k: Tensor;
  readonly v: Tensor;
  readonly positions: Tensor;
  readonly mask: Tensor;
}

/** One head over the slots that each entry may see. */
export function attend(q: Tensor, queryPositions: Tensor, { k, v, positions, mask }: Shared): Tensor {
  return squeeze(attention({ q: expandDims(q, 2), k, v, queryPositions, keyPositions: positions, mask }), 2);
}

/** A later layer that reads the cache of an earlier one and remembers nothing itself. */
export const cacheReader: MixerFactory<
  Record<never, never>,
  { readonly q_proj: Tensor },
  Record<never, never>
> = defineMixer({
  contract: 'sequence-mixer/1',
  name: '@tessera/plugin-testing:cache-reader',
  config: fields<Record<never, never>>({}),
  params: ({ dModel: D }) => ({ q_proj: linearWeight(D, D) }),
  reads: { k: 'memory', v: 'memory', positions: 'memory', mask: 'positions' },
  forward: ({ params, x, positions, links }) => ({ y: attend(linear(x, params.q_proj), positions, links as Shared) }),
  decoding: {
    trees: true,
    memory: () => ({ growth: 'constant', bytes: 0 }),
    init: () => ({}),
    step: ({ params, x, positions, links, state }) => ({
      y: attend(linear(x, params.q_proj), positions, links as Shared),
      state,
    }),
  },
});
