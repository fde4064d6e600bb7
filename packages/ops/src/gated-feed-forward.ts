import type { Tensor } from '@tessera/tensor-core';
import { mul } from '@tessera/tensor-core';
import type { ActivationName } from './activation.ts';
import { activations } from './activation.ts';
import { linear } from './linear.ts';

/** Weights of a gated feed-forward, each `[out, in]`. */
export interface GatedFeedForwardWeights {
  /** `[F, D]` */
  readonly gate: Tensor;
  /** `[F, D]` */
  readonly up: Tensor;
  /** `[D, F]` */
  readonly down: Tensor;
  readonly gateBias?: Tensor | undefined;
  readonly upBias?: Tensor | undefined;
  readonly downBias?: Tensor | undefined;
}

/**
 * Gated feed-forward, (act(x W_gᵀ) ⊙ x W_uᵀ) W_dᵀ. `x […, D]`.
 * @see Shazeer 2020, arXiv:2002.05202, eq. 6.
 */
export function gatedFeedForward(x: Tensor, weights: GatedFeedForwardWeights, activation: ActivationName): Tensor {
  const gate = activations[activation](linear(x, weights.gate, weights.gateBias));
  return linear(mul(gate, linear(x, weights.up, weights.upBias)), weights.down, weights.downBias);
}
