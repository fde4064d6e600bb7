import { linear } from '@tessera/ops';
import type { AlignedRows, MixerFactory } from '@tessera/plugin';
import { alignRows, defineMixer, fields, linearWeight, pickRows, refuseSegments } from '@tessera/plugin';
import { add, concat, expandDims, mul, reshape, scan, squeeze, transpose, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

interface Params {
  /** `[D, D]` */
  readonly value: Tensor;
}

interface State {
  /** `[B, D]` */
  readonly average: Tensor;
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
  { average }: State,
): { y: Tensor; state: State } {
  const own = linear(x, params.value);
  const value = rows.align(links?.values ? add(own, links.values) : own);
  const { outputs } = scan({
    carry: { average },
    sequences: { value: transpose(value, 0, 1) },
    step: ({ average }, { value }) => {
      const next = add(mul(average, 0.7), value);
      return { carry: { average: next }, output: { average: next } };
    },
  });
  const averages = transpose(outputs.average, 0, 1);
  const seen = concat([expandDims(average, 1), averages], 1);
  return {
    y: rows.restore(averages),
    state: { average: squeeze(pickRows(seen, reshape(lengths, [x.shape[0]!, 1])), 1) },
  };
}

/** A leaky average of values to which the first layer's are added: it reads a link by position, and gives its own values on. */
export const firstValues: MixerFactory<Record<never, never>, Params, State> = defineMixer({
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
