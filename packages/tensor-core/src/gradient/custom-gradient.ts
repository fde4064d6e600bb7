import { trace } from '../graph.ts';
import type { Op } from '../op.ts';
import { zeros } from '../primitives/index-ops.ts';
import { apply } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { fillTree, treeEntries, treeLeaves } from '../tree.ts';

/** What a gradient by hand is given. */
export interface CustomGradientCall<Input, Result> {
  readonly input: Input;
  readonly result: Result;
  /** Of the form of the result. */
  readonly cotangent: Result;
}

/** A tree of the form of `T`, undefined where nothing flows back: at integers, for one. */
export type CotangentsOf<T> = T extends Tensor
  ? Tensor | undefined
  : { readonly [key in keyof T]: CotangentsOf<T[key]> };

let made = 0;

/**
 * Calls `f` with a gradient of its own. Both may read tensors of the argument only.
 *
 * {@includeCode ../../examples/gradient.ts#custom-gradient}
 * @param backward - cotangents of the argument, f32 and of its form, from those of the result
 */
export function customGradient<Input, Result>(
  f: (input: Input) => Result,
  backward: (call: CustomGradientCall<Input, Result>) => CotangentsOf<Input>,
  input: Input,
): Result {
  const leaves = treeLeaves(input);
  const paths = treeEntries(input).map(([path]) => path);
  let form: Result | undefined;
  const body = trace((...inputs) => treeLeaves((form = f(fillTree(input, inputs)))), leaves);
  const filled = (values: readonly Tensor[]): Result => fillTree(form as Result, values);
  const op: Op<{ readonly number: number }> = {
    id: '@tessera/tensor-core:custom-gradient',
    infer: () => body.outputs.map((value) => body.types[value]!),
    definition: (inputs) => treeLeaves(f(fillTree(input, inputs))),
    gradient({ inputs, outputs, cotangents }) {
      const flows = backward({
        input: fillTree(input, inputs),
        result: filled(outputs),
        cotangent: filled(cotangents.map((each, index) => each ?? zeros(outputs[index]!.shape))),
      });
      const byPath = new Map(treeEntries(flows));
      return paths.map((path) => byPath.get(path));
    },
  };
  return filled(apply(op, leaves, { number: made++ }));
}
