import type { GradientCall, Op, Tensor } from '@tessera/tensor-core';
import { apply, pullBack, sizeOf, zeros } from '@tessera/tensor-core';
import { attentionGradientKernel } from './attention-gradient.wgsl.ts';
import { attentionDefinition, namedInputs } from './attention-definition.ts';
import type { AttentionAttributes } from './attention-definition.ts';

/** Numbers of the inputs beyond queries, keys and values that have a cotangent. */
function indicesOfFurther({ masked, pinned, sinks }: AttentionAttributes): number[] {
  const first = masked ? 6 : 5;
  return [...(pinned > 0 ? [first] : []), ...(sinks ? [first + (pinned > 0 ? 1 : 0)] : [])];
}

/** The inputs that have a cotangent. */
function differentiated<T>(inputs: readonly T[], attributes: AttentionAttributes): T[] {
  const { q, k, v, pinnedQuery, sinks } = namedInputs(inputs, attributes);
  return [q, k, v, pinnedQuery, sinks].filter((input) => input !== undefined);
}

/**
 * Op: cotangents of queries, keys and values of attention. Inputs: those of attention, its result `[B, n, H, V]` and the
 * cotangent of that; outputs `[B, n, H, K]`, `[B, S, G, K]`, `[B, S, G, V]`, and where there are such inputs those of the queries of
 * pinned slots and of the logits of sinks, −Σ p_b (do · o) with the share p_b that a sink has of a query's mass.
 */
export const attentionGradientOp: Op<AttentionAttributes> = {
  id: '@tessera/ops:attention-gradient',
  infer: (inputs, attributes) => differentiated(inputs, attributes).map(({ shape }) => ({ shape, dtype: 'f32' })),
  definition(inputs, attributes) {
    const operands = inputs.slice(0, -2);
    const wrt = differentiated(operands, attributes);
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
  const wrt = [0, 1, 2, ...indicesOfFurther(attributes)];
  return inputs.map((_, index) => made[wrt.indexOf(index)]);
}
