import { activationNames, gatedFeedForward } from '@tessera/ops';
import type { ActivationName } from '@tessera/ops';
import type { FeedForward } from '@tessera/plugin';
import { bias, bool, fields, int, linearWeight, oneOf } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/** Settings of {@link gated}. */
export interface GatedConfig {
  /** F, the inner width. */
  readonly hidden: number;
  /** Function of the gate. @defaultValue 'silu' */
  readonly activation?: ActivationName;
  /** @defaultValue false */
  readonly bias?: boolean;
}

/** Learned tensors of {@link gated}. */
export interface GatedParams {
  /** `[F, D]` */
  readonly gate_proj: Tensor;
  /** `[F, D]` */
  readonly up_proj: Tensor;
  /** `[D, F]` */
  readonly down_proj: Tensor;
  /** `[F]` */
  readonly gate_bias?: Tensor;
  /** `[F]` */
  readonly up_bias?: Tensor;
  /** `[D]` */
  readonly down_bias?: Tensor;
}

/**
 * Gated feed-forward (SwiGLU, GeGLU, …), (act(x W_gᵀ) ⊙ x W_uᵀ) W_dᵀ.
 * @see Shazeer 2020, arXiv:2002.05202, eq. 6.
 */
export const gated: FeedForward<GatedConfig, GatedParams> = {
  contract: 'feed-forward/1',
  name: '@tessera/feedforward:gated',
  config: fields<GatedConfig>({
    hidden: int({ min: 1 }),
    activation: oneOf(activationNames, { default: 'silu' }),
    bias: bool({ default: false }),
  }),
  params: ({ config: { hidden: F, bias: biased }, dModel: D }) => ({
    gate_proj: linearWeight(F, D),
    up_proj: linearWeight(F, D),
    down_proj: linearWeight(D, F),
    ...(biased && { gate_bias: bias(F), up_bias: bias(F), down_bias: bias(D) }),
  }),
  forward: ({ params, config, x }) => ({
    y: gatedFeedForward(
      x,
      {
        gate: params.gate_proj,
        up: params.up_proj,
        down: params.down_proj,
        gateBias: params.gate_bias,
        upBias: params.up_bias,
        downBias: params.down_bias,
      },
      config.activation,
    ),
  }),
};
