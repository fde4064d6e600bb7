import { layerNorm } from '@tessera/ops';
import type { Norm } from '@tessera/plugin';
import { bias, bool, constant, fields, number } from '@tessera/plugin';
import { zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** Settings of {@link layer}. */
export interface LayerNormConfig {
  /** Added to the variance. @defaultValue 1e-5 */
  readonly eps?: number;
  /** @defaultValue true */
  readonly bias?: boolean;
}

/** Learned tensors of {@link layer}. */
export interface LayerNormParams {
  /** `[D]` */
  readonly weight: Tensor;
  /** `[D]` */
  readonly bias?: Tensor;
}

/**
 * Layer norm, (x − mean) / √(variance + eps) · w + b.
 * @see Ba et al. 2016, arXiv:1607.06450.
 */
export const layer: Norm<LayerNormConfig, LayerNormParams> = {
  contract: 'norm/1',
  name: '@tessera/norms:layer',
  config: fields<LayerNormConfig>(
    { eps: number({ min: 0, default: 1e-5 }), bias: bool({ default: true }) },
    { default: {} },
  ),
  params: ({ config, dModel }) => ({
    weight: { shape: [dModel], init: constant(1) },
    ...(config.bias && { bias: bias(dModel) }),
  }),
  forward: ({ params, config, x }) => layerNorm(x, params.weight, params.bias ?? zeros(params.weight.shape), config),
};
