import type { MixerFactory } from '@tessera/plugin';
import { alignRows, constant, defineMixer, fields, linearWeight, refuseSegments } from '@tessera/plugin';
import { emptyMosaic, readMosaic } from './mosaic-memory.ts';
import type { MosaicParams, MosaicState } from './mosaic-memory.ts';

const name = '@tessera/plugin-testing:memory-mosaic';

/** The contextual memory of Memory Mosaics, one head: its last pair waits for the next token. */
export const memoryMosaic: MixerFactory<Record<never, never>, MosaicParams, MosaicState> = defineMixer({
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
    return { y: rows.restore(readMosaic(params, rows.align(x), lengths, emptyMosaic(B, T, D)).y) };
  },
  decoding: {
    memory: ({ batch: B, capacity: S, dModel: D }) => ({ growth: 'linear', bytes: 4 * B * (2 * S * D + 3 * D + 1) }),
    init: ({ batch, capacity, dModel }) => emptyMosaic(batch, capacity, dModel),
    step(call) {
      const rows = alignRows(call, call.x.shape[1]!);
      const { y, state } = readMosaic(call.params, rows.align(call.x), call.lengths, call.state);
      return { y: rows.restore(y), state };
    },
  },
});
