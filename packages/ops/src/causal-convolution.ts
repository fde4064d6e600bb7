import type { CpuKernel, Op, Tensor } from '@tessera/tensor-core';
import { ShapeError, add, apply1, at, concat, mul, sameShape, showShape, slice } from '@tessera/tensor-core';

const kernel: CpuKernel<Record<never, never>> = {
  backend: 'cpu',
  name: 'loops',
  run({ inputs: [x, weight, history, bias], outputs: [y] }) {
    const [B, T, C] = x!.shape as [number, number, number];
    const J = weight!.shape[1]!;
    for (let b = 0; b < B; b++)
      for (let t = 0; t < T; t++)
        for (let c = 0; c < C; c++) {
          let total = bias ? bias.data[bias.offset + c]! : 0;
          for (let j = 0; j < J; j++) {
            const from = t - (J - 1) + j;
            const value =
              from < 0
                ? history!.data[history!.offset + (b * (J - 1) + J - 1 + from) * C + c]!
                : x!.data[x!.offset + (b * T + from) * C + c]!;
            total += weight!.data[weight!.offset + c * J + j]! * value;
          }
          y!.data[(b * T + t) * C + c] = total;
        }
  },
};

/** Op: depthwise causal convolution. See {@link causalConvolution}. */
export const causalConvolutionOp: Op<Record<never, never>> = {
  id: '@tessera/ops:causal-convolution',
  infer([x, weight, history, bias]) {
    const J = weight!.shape[1]!;
    const [B, , C] = x!.shape;
    if (
      x!.shape.length !== 3 ||
      !sameShape(weight!.shape, [C!, J]) ||
      J < 1 ||
      !sameShape(history!.shape, [B!, J - 1, C!]) ||
      (bias && !sameShape(bias.shape, [C!]))
    )
      throw new ShapeError(
        `causalConvolution: x ${showShape(x!.shape)}, weight ${showShape(weight!.shape)}, history ${showShape(history!.shape)}${bias ? `, bias ${showShape(bias.shape)}` : ''} do not fit: expected [B, T, C], [C, J], [B, J − 1, C]${bias ? ', [C]' : ''} with J from 1.`,
      );
    return [{ shape: x!.shape, dtype: 'f32' }];
  },
  definition([x, weight, history, bias]) {
    const T = x!.shape[1]!;
    const J = weight!.shape[1]!;
    const whole = concat([history!, x!], 1);
    let y: Tensor | undefined;
    for (let j = 0; j < J; j++) {
      const tap = mul(slice(whole, 1, j, j + T), at(weight!, 1, j));
      y = y ? add(y, tap) : tap;
    }
    return [bias ? add(y!, bias) : y!];
  },
  kernels: [kernel],
};

/**
 * Depthwise causal convolution over time, y_t = Σ_j w_j x_{t − (J − 1) + j} + b: the last tap is the current entry.
 * `x [B, T, C]`, `weight [C, J]`, `history [B, J − 1, C]` (what came before, zeros at the start), `bias [C]`.
 */
export function causalConvolution(x: Tensor, weight: Tensor, history: Tensor, bias?: Tensor): Tensor {
  return apply1(causalConvolutionOp, [x, weight, history, ...(bias ? [bias] : [])], {});
}
