import type { GradientCall, Op, Tensor } from '@tessera/tensor-core';
import { apply, pullBack, sizeOf, zeros } from '@tessera/tensor-core';
import { attentionGradientKernel } from './attention-gradient.wgsl.ts';
import { attentionDefinition } from './attention-definition.ts';
import type { AttentionAttributes } from './attention-definition.ts';

/**
 * Op: cotangents of queries, keys and values of attention. Inputs: those of attention, its result `[B, n, H, V]` and the
 * cotangent of that; outputs `[B, n, H, K]`, `[B, S, G, K]`, `[B, S, G, V]`.
 */
export const attentionGradientOp: Op<AttentionAttributes> = {
  id: '@tessera/ops:attention-gradient',
  infer: ([q, k, v]) => [q!, k!, v!].map(({ shape }) => ({ shape, dtype: 'f32' })),
  definition(inputs, attributes) {
    const operands = inputs.slice(0, -2);
    const wrt = operands.slice(0, 3);
    const made = pullBack(attentionDefinition(operands, attributes), [inputs.at(-1)], wrt);
    // One tensor in two roles has the sum of both as its cotangent: given once.
    return wrt.map((each, index) => (made[index] && wrt.indexOf(each) === index ? made[index] : zeros(each.shape)));
  },
  kernels: [attentionGradientKernel],
  cost: ([q, k, v]) => {
    const [, S, , V] = v!.shape as [number, number, number, number];
    const K = k!.shape[3]!;
    const pairs = sizeOf(q!.shape.slice(0, 3)) * S;
    return {
      bytes: 4 * (2 * (sizeOf(q!.shape) + sizeOf(k!.shape) + sizeOf(v!.shape)) + 2 * sizeOf(q!.shape.slice(0, 3)) * V),
      flops: 2 * pairs * (3 * K + 2 * V),
    };
  },
};

/** Gradient of attention. Positions and masks have none. */
export function attentionGradient({
  inputs,
  outputs,
  cotangents,
  attributes,
}: GradientCall<AttentionAttributes>): readonly (Tensor | undefined)[] {
  const made = apply(attentionGradientOp, [...inputs, outputs[0]!, cotangents[0]!], attributes);
  return inputs.map((_, index) => made[index]);
}
