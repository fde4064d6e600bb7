import type { CpuKernel, Op, Tensor } from '@tessera/tensor-core';
import { abs, add, apply1, div, equal, exp, log, maximum, mul, neg, sigmoid, sub, where } from '@tessera/tensor-core';

const kernel: CpuKernel<Record<never, never>> = {
  backend: 'cpu',
  name: 'loop',
  run({ inputs: [x], outputs: [y] }) {
    for (let i = 0; i < y!.data.length; i++) {
      const value = x!.data[x!.offset + i]!;
      y!.data[i] = Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value)));
    }
  },
};

/** Op: log(1 + e^x). See {@link softplus}. */
export const softplusOp: Op<Record<never, never>> = {
  id: '@tessera/ops:softplus',
  infer: ([x]) => [{ shape: x!.shape, dtype: 'f32' }],
  definition([x]) {
    const e = exp(neg(abs(x!)));
    const u = add(e, 1);
    // log(1 + e) where 1 + e rounds: what log makes of u, corrected by how much of e came into u.
    const log1p = where(equal(u, 1), e, mul(log(u), div(e, sub(u, 1))));
    return [add(maximum(x!, 0), log1p)];
  },
  kernels: [kernel],
  // That of the definition would differentiate the correction.
  gradient: ({ inputs: [x], cotangents: [c] }) => [c && mul(c, sigmoid(x!))],
};

/**
 * log(1 + e^x), without overflow, and good to single precision where it is close to 0: time steps and router weights are.
 * @see Higham 2002, "Accuracy and Stability of Numerical Algorithms", section 1.14.1, for log(1 + e).
 */
export function softplus(x: Tensor): Tensor {
  return apply1(softplusOp, [x], {});
}
