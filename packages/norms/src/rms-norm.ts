import { rmsNorm } from '@tessera/ops';
import type { Norm } from '@tessera/plugin';
import { constant, fields, number } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';

/** Settings of {@link rms}. */
export interface RmsConfig {
  /** Added to the mean square. @defaultValue 1e-6 */
  readonly eps?: number;
  /** Added to the weight: 1 for checkpoints that store w − 1. @defaultValue 0 */
  readonly offset?: number;
}

/** Learned tensors of {@link rms}. */
export interface RmsParams {
  /** `[D]` */
  readonly weight: Tensor;
}

/**
 * Root mean square norm, x / √(mean x² + eps) · (offset + w).
 * @see Zhang and Sennrich 2019, arXiv:1910.07467.
 */
export const rms: Norm<RmsConfig, RmsParams> = {
  contract: 'norm/1',
  name: '@tessera/norms:rms',
  config: fields<RmsConfig>(
    { eps: number({ min: 0, default: 1e-6 }), offset: number({ default: 0 }) },
    { default: {} },
  ),
  params: ({ config, dModel }) => ({ weight: { shape: [dModel], init: constant(1 - config.offset) } }),
  forward: ({ params, config, x }) => rmsNorm(x, params.weight, config),
};
