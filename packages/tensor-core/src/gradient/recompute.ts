import { traceClosure } from '../closure.ts';
import type { Graph } from '../graph.ts';
import { replay } from '../graph.ts';
import type { GradientCall, Op } from '../op.ts';
import { after } from '../primitives/after.ts';
import { apply } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { fillTree, treeLeaves } from '../tree.ts';
import type { PullBack } from './gradient-rule.ts';

/** Attributes of {@link recomputeOp}. */
export interface RecomputeAttributes {
  /** What is computed, of the arguments and then of what it reads from outside. */
  readonly body: Graph;
}

/** Op: what its body computes. Its gradient computes the body again rather than keep what lies between. */
export const recomputeOp: Op<RecomputeAttributes> = {
  id: '@tessera/tensor-core:recompute',
  infer: (_, { body }) => body.outputs.map((value) => body.types[value]!),
  definition: (inputs, { body }) => replay(body, inputs),
};

/** Gradient of {@link recomputeOp}: through values that share no work with the forward pass, once cotangents are there. */
export function recomputeGradient(
  { inputs, cotangents, attributes }: GradientCall<RecomputeAttributes>,
  pullBack: PullBack,
): readonly (Tensor | undefined)[] {
  const when = cotangents.find((each) => each !== undefined)!;
  const again = inputs.map((input) => after(input, when));
  return pullBack(replay(attributes.body, again), cotangents, again);
}

/**
 * Calls `f`, from one tree of tensors to another, so that its gradient computes it again: its inputs are kept for the way back,
 * nothing in between.
 * @see Chen et al. 2016, arXiv:1604.06174.
 */
export function recompute<Input, Result>(f: (input: Input) => Result, input: Input): Result {
  const leaves = treeLeaves(input);
  let form: Result | undefined;
  const { graph, captured } = traceClosure((...inputs) => treeLeaves((form = f(fillTree(input, inputs)))), leaves);
  return fillTree(form as Result, apply(recomputeOp, [...leaves, ...captured], { body: graph }));
}
