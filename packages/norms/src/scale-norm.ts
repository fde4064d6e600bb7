import type { Norm } from '@tessera/plugin';
import { constant, fields, number } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { div, greater, maximum, mul, sqrt, square, sum, where } from '@tessera/tensor-core';

/** Settings of {@link scale}. */
export interface ScaleNormConfig {
  /** Least root mean square that is divided by. @defaultValue 1e-5 */
  readonly eps?: number;
}

/** Learned tensors of {@link scale}. */
export interface ScaleNormParams {
  /** `[1]` */
  readonly weight: Tensor;
}

/**
 * Norm with one weight for all elements, x / max(√(mean x²), eps) · w.
 * @see Nguyen and Salazar 2019, arXiv:1910.05895; this form: Hua et al. 2022, arXiv:2202.10447
 */
export const scale: Norm<ScaleNormConfig, ScaleNormParams> = {
  contract: 'norm/1',
  name: '@tessera/norms:scale',
  config: fields<ScaleNormConfig>({ eps: number({ min: 0, default: 1e-5 }) }, { default: {} }),
  params: () => ({ weight: { shape: [1], init: constant(1) } }),
  forward({ params, config, x }) {
    const total = sum(square(x), { axis: -1, keepDims: true });
    const some = greater(total, 0); // The root has no gradient at 0.
    const length = where(some, sqrt(where(some, total, 1)), 0);
    return mul(div(x, maximum(mul(length, x.shape.at(-1)! ** -0.5), config.eps)), params.weight);
  },
};
