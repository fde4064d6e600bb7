import { linear } from '@tessera/ops';
import type { AlignedRows, MixerFactory } from '@tessera/plugin';
import { alignRows, defineMixer, fields, linearWeight, refuseSegments } from '@tessera/plugin';
import { matmul, sigmoid, transpose, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { leakyAverage } from './leaky-average.ts';
import type { AverageState } from './leaky-average.ts';

interface Params {
  /** `[D, D]` */
  readonly query: Tensor;
}

const name = '@tessera/plugin-testing:context-average';

function read(
  { params, x, lengths, context }: { params: Params; x: Tensor; lengths: Tensor; context?: Tensor },
  rows: AlignedRows,
  state: AverageState,
): { y: Tensor; state: AverageState } {
  const weights = sigmoid(matmul(linear(rows.align(x), params.query), transpose(context!))); // [B, n, S]
  return leakyAverage(0.5, matmul(weights, context!), lengths, rows, state);
}

/** A memory of what was found in a context: what a decoder attends to has to reach steps, tree nodes and commits alike. */
export const contextAverage: MixerFactory<Record<never, never>, Params, AverageState> = defineMixer({
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
