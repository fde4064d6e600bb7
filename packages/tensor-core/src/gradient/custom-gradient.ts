import { trace } from '../graph.ts';
import type { Op } from '../op.ts';
import { zeros } from '../primitives/index-ops.ts';
import { apply } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { fillTree, treeLeaves } from '../tree.ts';

/** What a gradient by hand is given. */
export interface CustomGradientCall<Input, Result> {
  readonly input: Input;
  readonly result: Result;
  /** Of the form of the result. */
  readonly cotangent: Result;
}

let made = 0;

/**
 * Calls `f` with a gradient of its own. Both may read tensors of the argument only.
 * @param backward - cotangents of the argument, of its form, from those of the result
 */
export function customGradient<Input, Result>(
  f: (input: Input) => Result,
  backward: (call: CustomGradientCall<Input, Result>) => Input,
  input: Input,
): Result {
  const leaves = treeLeaves(input);
  let form: Result | undefined;
  const body = trace((...inputs) => treeLeaves((form = f(fillTree(input, inputs)))), leaves);
  const filled = (values: readonly Tensor[]): Result => fillTree(form as Result, values);
  const op: Op<{ readonly number: number }> = {
    id: '@tessera/tensor-core:custom-gradient',
    infer: () => body.outputs.map((value) => body.types[value]!),
    definition: (inputs) => treeLeaves(f(fillTree(input, inputs))),
    gradient: ({ inputs, outputs, cotangents }) =>
      treeLeaves(
        backward({
          input: fillTree(input, inputs),
          result: filled(outputs),
          cotangent: filled(cotangents.map((each, index) => each ?? zerosLike(outputs[index]!))),
        }),
      ),
  };
  return filled(apply(op, leaves, { number: made++ }));
}

function zerosLike({ shape }: Tensor): Tensor {
  return zeros(shape);
}
