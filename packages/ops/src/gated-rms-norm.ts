import type { Op, Tensor } from '@tessera/tensor-core';
import { ShapeError, apply1, mul, sameShape, showShape } from '@tessera/tensor-core';
import type { ActivationName } from './activation.ts';
import { activations } from './activation.ts';
import { activationCode } from './activation.wgsl.ts';
import { rmsNorm } from './norm.ts';
import { normKernel } from './norm.wgsl.ts';

/** Attributes of {@link gatedRmsNormOp}. */
export interface GatedRmsNormAttributes {
  readonly eps: number;
  /** Of the gate. */
  readonly activation: ActivationName;
}

const kernel = normKernel<GatedRmsNormAttributes>(
  'a workgroup a row',
  'mean square',
  ({ activation }) => `v * p0[i] * (${activationCode[activation]!('p1[start + i]')})`,
);

/** Op: a root mean square norm, gated. See {@link gatedRmsNorm}. */
export const gatedRmsNormOp: Op<GatedRmsNormAttributes> = {
  id: '@tessera/ops:gated-rms-norm',
  infer([x, weight, gate]) {
    if (!sameShape(weight!.shape, [x!.shape.at(-1)!]) || !sameShape(gate!.shape, x!.shape))
      throw new ShapeError(
        `gatedRmsNorm: x ${showShape(x!.shape)}, weight ${showShape(weight!.shape)}, gate ${showShape(gate!.shape)} do not fit: expected […, D], [D], […, D].`,
      );
    return [{ shape: x!.shape, dtype: 'f32' }];
  },
  definition: ([x, weight, gate], { eps, activation }) => [
    mul(rmsNorm(x!, weight!, { eps }), activations[activation](gate!)),
  ],
  kernels: [
    {
      ...kernel,
      when: (capabilities, call) =>
        activationCode[call.attributes.activation] !== undefined && (kernel.when?.(capabilities, call) ?? true),
    },
  ],
};

/**
 * Root mean square norm along the last axis times an activated gate, x / √(mean x² + eps) · w · act(gate), statistics in f32.
 * `x`, `gate` `[…, D]`, `weight [D]`.
 * @see Zhang and Sennrich 2019, arXiv:1910.07467; gated: Yang et al. 2024, arXiv:2412.06464, figure 1.
 */
export function gatedRmsNorm(
  x: Tensor,
  weight: Tensor,
  gate: Tensor,
  { eps, activation = 'silu' }: { readonly eps: number; readonly activation?: ActivationName },
): Tensor {
  return apply1(gatedRmsNormOp, [x, weight, gate], { eps, activation });
}
