import { rotaryAngles, rotaryFrequencies, rotaryTables } from '@tessera/ops';
import type { Call, MixerFactory } from '@tessera/plugin';
import { constant, defineMixer, fields, number } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { InvalidSpecError, concat, mul } from '@tessera/tensor-core';

/** Settings of {@link scaledPositions}. */
export interface ScaledPositionsConfig {
  /** Base of the wavelengths. @defaultValue 10000 */
  readonly theta?: number;
}

/** Learned tensors of {@link scaledPositions}. */
export interface ScaledPositionsParams {
  /** `[1]` */
  readonly scale: Tensor;
}

function positionsOf({ params, config, x, positions }: Call<ScaledPositionsConfig, ScaledPositionsParams>): {
  y: Tensor;
} {
  const frequencies = rotaryFrequencies(x.shape[2]!, config.theta, { type: 'default' });
  const { cos, sin } = rotaryAngles(rotaryTables(frequencies), positions);
  return { y: mul(concat([sin, cos], 2), params.scale) };
}

/**
 * Sines and cosines of each position times one learned factor, for a layer without anything else: the residual stream is then
 * the embedding with its absolute positions. It reads nothing but positions and remembers nothing.
 * @see Vaswani et al. 2017, arXiv:1706.03762, section 3.5; scaled: Hua et al. 2022, arXiv:2202.10447
 */
export const scaledPositions: MixerFactory<
  ScaledPositionsConfig,
  ScaledPositionsParams,
  Record<never, never>
> = defineMixer({
  contract: 'sequence-mixer/1',
  name: '@tessera/attention-linear:scaled-positions',
  config: fields<ScaledPositionsConfig>({ theta: number({ min: 1, default: 10_000 }) }, { default: {} }),
  params({ dModel }) {
    if (dModel % 2 !== 0)
      throw new InvalidSpecError(
        `scaled-positions: dModel is ${dModel}, expected an even number, since half of the elements are sines. Set ${dModel + 1}.`,
        { facts: { dModel } },
      );
    return { scale: { shape: [1], init: constant(1) } };
  },
  forward: positionsOf,
  decoding: {
    trees: true,
    memory: () => ({ growth: 'constant', bytes: 0 }),
    init: () => ({}),
    step: (call) => ({ ...positionsOf(call), state: {} }),
  },
});
