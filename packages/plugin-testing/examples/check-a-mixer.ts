import type { MixerFactory } from '@tessera/plugin';
import { alignRows, defineMixer, fields, linearWeight, number, pickRows, refuseSegments } from '@tessera/plugin';
import type { AlignedRows } from '@tessera/plugin';
import { linear } from '@tessera/ops';
import { describeMixer, mixerLaws } from '@tessera/plugin-testing';
import type { TestFunction } from '@tessera/plugin-testing';
import { add, concat, expandDims, mul, reshape, scan, squeeze, transpose, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Settings of {@link leakyAverage}. */
export interface LeakyAverageConfig {
  /** What stays of the past at each position. @defaultValue 0.9 */
  readonly keep?: number;
}

const name = 'my-mixers:leaky-average';

/** S_t = keep · S_{t−1} + x_t Wᵀ, y_t = S_t. */
function read(
  { params, x, lengths, config }: { params: { W: Tensor }; x: Tensor; lengths: Tensor; config: { keep: number } },
  rows: AlignedRows,
  S: Tensor,
): { y: Tensor; state: { S: Tensor } } {
  const { outputs } = scan({
    carry: { S },
    sequences: { value: transpose(linear(rows.align(x), params.W), 0, 1) },
    step: ({ S }, { value }) => {
      const next = add(mul(S, config.keep), value);
      return { carry: { S: next }, output: { S: next } };
    },
  });
  const y = transpose(outputs.S, 0, 1);
  const last = pickRows(concat([expandDims(S, 1), y], 1), reshape(lengths, [x.shape[0]!, 1]));
  return { y: rows.restore(y), state: { S: squeeze(last, 1) } };
}

/** A mixer of one's own. */
export const leakyAverage: MixerFactory<LeakyAverageConfig, { W: Tensor }, { S: Tensor }> = defineMixer({
  contract: 'sequence-mixer/1',
  name,
  config: fields<LeakyAverageConfig>({ keep: number({ min: 0, max: 1, default: 0.9 }) }),
  params: ({ dModel: D }) => ({ W: linearWeight(D, D) }),
  forward(call) {
    refuseSegments(name, call);
    const [B, T, D] = call.x.shape as [number, number, number];
    return { y: read(call, alignRows(call, T), zeros([B, D])).y };
  },
  decoding: {
    memory: ({ batch, dModel }) => ({ growth: 'constant', bytes: 4 * batch * dModel }),
    init: ({ batch, dModel }) => ({ S: zeros([batch, dModel]) }),
    step: (call) => read(call, alignRows(call, call.x.shape[1]!), call.state.S),
  },
});

/** Hands the laws to a test runner: `test` of vitest, of node:test, of Jest. */
export function testLeakyAverage(test: TestFunction): void {
  // #region describe
  describeMixer(leakyAverage, { keep: 0.8 }, 12, { test, segments: false });
  // #endregion describe
}

/** Runs the laws without a test runner and tells how many hold. */
export async function checkLeakyAverage(): Promise<number> {
  // #region laws
  const laws = mixerLaws({ mixer: leakyAverage, config: { keep: 0.8 }, dModel: 12, segments: false });
  for (const law of laws) await law.run(); // a LawError says which law, in which row, at which position, by how much
  return laws.length;
  // #endregion laws
}
