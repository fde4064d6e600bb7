import { linear } from '@tessera/ops';
import type { AlignedRows, MixerFactory } from '@tessera/plugin';
import { alignRows, defineMixer, fields, linearWeight, refuseSegments } from '@tessera/plugin';
import { add, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { leakyAverage } from './leaky-average.ts';
import type { AverageState } from './leaky-average.ts';

interface Params {
  /** `[D, D]` */
  readonly value: Tensor;
}

const name = '@tessera/plugin-testing:first-values';

function read(
  {
    params,
    x,
    lengths,
    links,
  }: { params: Params; x: Tensor; lengths: Tensor; links?: Readonly<Record<string, Tensor>> },
  rows: AlignedRows,
  state: AverageState,
): { y: Tensor; state: AverageState } {
  const own = linear(x, params.value);
  const values = rows.align(links?.values ? add(own, links.values) : own);
  return leakyAverage(0.7, values, lengths, rows, state);
}

/** A leaky average of values to which the first layer's are added: it reads a link by position, and gives its own values on. */
export const firstValues: MixerFactory<Record<never, never>, Params, AverageState> = defineMixer({
  contract: 'sequence-mixer/1',
  name,
  config: fields<Record<never, never>>({}),
  params: ({ dModel: D }) => ({ value: linearWeight(D, D) }),
  reads: { values: 'positions' },
  forward(call) {
    refuseSegments(name, call);
    const [B, T, D] = call.x.shape as [number, number, number];
    const { y } = read(call, alignRows(call, T), { average: zeros([B, D]) });
    return { y, links: { values: linear(call.x, call.params.value) } };
  },
  decoding: {
    memory: ({ batch, dModel }) => ({ growth: 'constant', bytes: 4 * batch * dModel }),
    init: ({ batch, dModel }) => ({ average: zeros([batch, dModel]) }),
    step: (call) => ({
      ...read(call, alignRows(call, call.x.shape[1]!), call.state),
      links: { values: linear(call.x, call.params.value) },
    }),
  },
});
