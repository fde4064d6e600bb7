import type { CpuKernel, Op, Tensor, TensorType, WebGpuDispatchKernel } from '@tessera/tensor-core';
import { ShapeError, add, apply1, mean, mul, rsqrt, showShape, square, sub, sum } from '@tessera/tensor-core';
import { normKernel } from './norm.wgsl.ts';

/** A number as a WGSL literal. */
function float(value: number): string {
  return `${Math.fround(value)}f`;
}

/** Attributes of {@link rmsNormOp}. */
export interface RmsNormAttributes {
  readonly eps: number;
  /** Added to the weight: 1 for checkpoints that store w − 1. */
  readonly offset: number;
}

function checkWeight(x: TensorType, weights: readonly TensorType[], where: string): void {
  for (const weight of weights)
    if (weight.shape.length !== 1 || weight.shape[0] !== x.shape.at(-1))
      throw new ShapeError(
        `${where}: the weight is ${showShape(weight.shape)}, expected [${x.shape.at(-1)}] for x ${showShape(x.shape)}.`,
      );
}

const rmsKernel: CpuKernel<RmsNormAttributes> = {
  backend: 'cpu',
  name: 'loops',
  run({ inputs: [x, w], outputs: [y], attributes: { eps, offset } }) {
    const n = x!.shape.at(-1)!;
    const rows = n === 0 ? 0 : y!.data.length / n;
    for (let row = 0; row < rows; row++) {
      const from = x!.offset + row * n;
      let total = 0;
      for (let i = 0; i < n; i++) total += x!.data[from + i]! ** 2;
      const scale = 1 / Math.sqrt(total / n + eps);
      for (let i = 0; i < n; i++)
        y!.data[row * n + i] = x!.data[from + i]! * scale * (w!.data[w!.offset + i]! + offset);
    }
  },
};

const weighted = (weight: string, { offset }: RmsNormAttributes): string => `(${weight} + ${float(offset)})`;

const rmsWgslKernel: WebGpuDispatchKernel<RmsNormAttributes> = {
  ...normKernel<RmsNormAttributes>(
    'a workgroup a row',
    'mean square',
    (attributes) => `v * ${weighted('p0[i]', attributes)}`,
  ),
  rowFactors: (attributes) => ({
    element: ([weight]) => weighted(weight!, attributes),
    row: (meanSquare) => `inverseSqrt(${meanSquare} + ${float(attributes.eps)})`,
  }),
};

/** Op: x / √(mean x² + eps) · (offset + w) along the last axis. */
export const rmsNormOp: Op<RmsNormAttributes> = {
  id: '@tessera/ops:rms-norm',
  infer([x, w]) {
    checkWeight(x!, [w!], 'rmsNorm');
    return [{ shape: x!.shape, dtype: 'f32' }];
  },
  definition([x, w], { eps, offset }) {
    const scale = rsqrt(add(mean(square(x!), { axis: -1, keepDims: true }), eps));
    return [mul(mul(x!, scale), offset === 0 ? w! : add(w!, offset))];
  },
  kernels: [rmsKernel, rmsWgslKernel],
};

/** Attributes of {@link layerNormOp}. */
export interface LayerNormAttributes {
  readonly eps: number;
}

const layerKernel: CpuKernel<LayerNormAttributes> = {
  backend: 'cpu',
  name: 'loops',
  run({ inputs: [x, w, b], outputs: [y], attributes: { eps } }) {
    const n = x!.shape.at(-1)!;
    const rows = n === 0 ? 0 : y!.data.length / n;
    for (let row = 0; row < rows; row++) {
      const from = x!.offset + row * n;
      let total = 0;
      for (let i = 0; i < n; i++) total += x!.data[from + i]!;
      const mu = total / n;
      let squares = 0;
      for (let i = 0; i < n; i++) squares += (x!.data[from + i]! - mu) ** 2;
      const scale = 1 / Math.sqrt(squares / n + eps);
      for (let i = 0; i < n; i++)
        y!.data[row * n + i] = (x!.data[from + i]! - mu) * scale * w!.data[w!.offset + i]! + b!.data[b!.offset + i]!;
    }
  },
};

/** Op: (x − mean) / √(variance + eps) · w + b along the last axis. */
export const layerNormOp: Op<LayerNormAttributes> = {
  id: '@tessera/ops:layer-norm',
  infer([x, w, b]) {
    checkWeight(x!, [w!, b!], 'layerNorm');
    return [{ shape: x!.shape, dtype: 'f32' }];
  },
  definition([x, w, b], { eps }) {
    const centred = sub(x!, mean(x!, { axis: -1, keepDims: true }));
    const scale = rsqrt(add(mean(square(centred), { axis: -1, keepDims: true }), eps));
    return [add(mul(mul(centred, scale), w!), b!)];
  },
  kernels: [
    layerKernel,
    normKernel<LayerNormAttributes>('a workgroup a row', 'mean and variance', () => 'v * p0[i] + p1[i]'),
  ],
};

/**
 * Root mean square norm along the last axis, statistics in f32. `x […, D]`, `weight [D]`.
 * @see Zhang and Sennrich 2019, arXiv:1910.07467.
 */
export function rmsNorm(
  x: Tensor,
  weight: Tensor,
  { eps, offset = 0 }: { readonly eps: number; readonly offset?: number },
): Tensor {
  return apply1(rmsNormOp, [x, weight], { eps, offset });
}

/**
 * Layer norm along the last axis, statistics in f32. `x […, D]`, `weight [D]`, `bias [D]`.
 * @see Ba et al. 2016, arXiv:1607.06450.
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, { eps }: LayerNormAttributes): Tensor {
  return apply1(layerNormOp, [x, weight, bias], { eps });
}

/** x / √(Σ x² + eps) along the last axis; a zero vector stays zero. */
export function l2Normalize(x: Tensor, eps = 1e-6): Tensor {
  return mul(x, rsqrt(add(sum(square(x), { axis: -1, keepDims: true }), eps)));
}
