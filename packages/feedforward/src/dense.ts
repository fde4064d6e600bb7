import { activationNames, activations, linear } from '@tessera/ops';
import type { ActivationName } from '@tessera/ops';
import type { FeedForward } from '@tessera/plugin';
import { bias, bool, fields, int, linearWeight, oneOf } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/** Settings of {@link dense}. */
export interface DenseConfig {
  /** F, the inner width. */
  readonly hidden: number;
  /** @defaultValue 'gelu' */
  readonly activation?: ActivationName;
  /** @defaultValue true */
  readonly bias?: boolean;
}

/** Learned tensors of {@link dense}. */
export interface DenseParams {
  /** `[F, D]` */
  readonly up_proj: Tensor;
  /** `[D, F]` */
  readonly down_proj: Tensor;
  /** `[F]` */
  readonly up_bias?: Tensor;
  /** `[D]` */
  readonly down_bias?: Tensor;
}

/**
 * Plain feed-forward of two linear maps, act(x W_uᵀ + b_u) W_dᵀ + b_d.
 * @see Vaswani et al. 2017, arXiv:1706.03762, eq. 2.
 */
export const dense: FeedForward<DenseConfig, DenseParams> = {
  contract: 'feed-forward/1',
  name: '@tessera/feedforward:dense',
  config: fields<DenseConfig>({
    hidden: int({ min: 1 }),
    activation: oneOf(activationNames, { default: 'gelu' }),
    bias: bool({ default: true }),
  }),
  params: ({ config: { hidden: F, bias: biased }, dModel: D }) => ({
    up_proj: linearWeight(F, D),
    down_proj: linearWeight(D, F),
    ...(biased && { up_bias: bias(F), down_bias: bias(D) }),
  }),
  forward: ({ params, config, x }) => ({
    y: linear(
      activations[config.activation](linear(x, params.up_proj, params.up_bias)),
      params.down_proj,
      params.down_bias,
    ),
  }),
};
