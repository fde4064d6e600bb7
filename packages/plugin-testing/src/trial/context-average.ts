import { linear } from '@tessera/ops';
import type { AlignedRows, MixerFactory } from '@tessera/plugin';
import { alignRows, defineMixer, fields, linearWeight, pickRows, refuseSegments } from '@tessera/plugin';
import {
  add,
  concat,
  expandDims,
  matmul,
  mul,
  reshape,
  scan,
  sigmoid,
  squeeze,
  transpose,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

interface Params {
  /** `[D, D]` */
  readonly query: Tensor;
}

interface State {
  /** `[B, D]` */
  readonly average: Tensor;
}

const name = '@tessera/plugin-testing:context-average';

function read(
  { params, x, lengths, context }: { params: Params; x: Tensor; lengths: Tensor; context?: Tensor },
  rows: AlignedRows,
  { average }: State,
): { y: Tensor; state: State } {
  const weights = sigmoid(matmul(linear(rows.align(x), params.query), transpose(context!))); // [B, n, S]
  const { outputs } = scan({
    carry: { average },
    sequences: { found: transpose(matmul(weights, context!), 0, 1) },
    step: ({ average }, { found }) => {
      const next = add(mul(average, 0.5), found);
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

/** A memory of what was found in a context: what a decoder attends to has to reach steps, tree nodes and commits alike. */
export const contextAverage: MixerFactory<Record<never, never>, Params, State> = defineMixer({
  contract: 'sequence-mixer/1',
  name,
  config: fields<Record<never, never>>({}),
  params: ({ dModel: D }) => ({ query: linearWeight(D, D) }),
  forward(call) {
    refuseSegments(name, call);
    const [B, T, D] = call.x.shape as [number, number, number];
    return { y: read(call, alignRows(call, T), { average: zeros([B, D]) }).y };
  },
  decoding: {
    memory: ({ batch, dModel }) => ({ growth: 'constant', bytes: 4 * batch * dModel }),
    init: ({ batch, dModel }) => ({ average: zeros([batch, dModel]) }),
    step: (call) => read(call, alignRows(call, call.x.shape[1]!), call.state),
  },
});
