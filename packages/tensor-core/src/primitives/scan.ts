import type { Graph } from '../graph.ts';
import { traceClosure } from '../closure.ts';
import { ShapeError } from '../errors.ts';
import type { Op, TensorType } from '../op.ts';
import { sameShape, showShape } from '../shape.ts';
import { apply } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { fillTree, mapTree, treeEntries, treeLeaves } from '../tree.ts';

/** Attributes of {@link scanOp}. */
export interface ScanAttributes {
  /** Reads carry, one element of each sequence, then captured values; gives the next carry and one element of each output. */
  readonly body: Graph;
  readonly carries: number;
  readonly sequences: number;
  readonly length: number;
  readonly reverse: boolean;
  /** True when the first input is the trip count (i32, scalar): later elements of the outputs are zero. */
  readonly counted: boolean;
}

/**
 * Primitive: a loop with a carry over the first axis of its sequences.
 * Inputs: [count], carries, sequences `[T, …]`, captured values; outputs: last carries, stacked outputs `[T, …]`.
 */
export const scanOp: Op<ScanAttributes> = {
  id: '@tessera/tensor-core:scan',
  infer(inputs, { body, carries, length, counted, sequences }) {
    const first = counted ? 1 : 0;
    const [count] = inputs;
    if (counted && (count!.dtype !== 'i32' || count!.shape.length > 0))
      throw new ShapeError(`scan: the count is ${count!.dtype}${showShape(count!.shape)}, expected i32[].`);
    const outputs = body.outputs.map((index) => body.types[index]!);
    for (let i = 0; i < carries; i++) {
      const before = inputs[first + i]!;
      const after = outputs[i]!;
      if (before.dtype !== after.dtype || !sameShape(before.shape, after.shape))
        throw new ShapeError(
          `scan: carry ${i} is ${before.dtype}${showShape(before.shape)} before and ${after.dtype}${showShape(after.shape)} after a step. Keep its type.`,
        );
    }
    for (let i = 0; i < sequences; i++) {
      const sequence = inputs[first + carries + i]!;
      if (sequence.shape[0] !== length)
        throw new ShapeError(`scan: sequence ${i} has ${sequence.shape[0]} elements, expected ${length}.`);
    }
    return [
      ...outputs.slice(0, carries),
      ...outputs.slice(carries).map((type): TensorType => ({ shape: [length, ...type.shape], dtype: type.dtype })),
    ];
  },
};

/** What {@link scan} is given. */
export interface ScanCall<Carry, Sequences, Outputs> {
  /** Tree of tensors at the start. */
  readonly carry: Carry;
  /** Tree of tensors `[T, …]`, read one element a step. */
  readonly sequences: Sequences;
  /** Number of steps; needed when there are no sequences. */
  readonly length?: number;
  /** Number of steps as data (i32, scalar, at most `length`). The rest of the outputs is zero. */
  readonly count?: Tensor;
  /** From the last element to the first; outputs stand where their element stood. */
  readonly reverse?: boolean;
  /** One step: the next carry and what it puts out, trees of tensors. */
  step(carry: Carry, element: Sequences): { carry: Carry; output: Outputs };
}

/**
 * A loop with a carry, recorded as one op: it never unrolls. Values that `step` reads from outside and that do not change
 * are computed once.
 * @returns the last carry and the outputs, stacked along a new first axis
 */
export function scan<Carry, Sequences, Outputs>(
  call: ScanCall<Carry, Sequences, Outputs>,
): { carry: Carry; outputs: Outputs } {
  const carries = treeLeaves(call.carry);
  const sequences = treeLeaves(call.sequences);
  const length = call.length ?? sequences[0]?.shape[0];
  if (length === undefined) throw new ShapeError('scan: without sequences it needs a length.');
  let form: { carry: Carry; output: Outputs } | undefined;
  const { graph, captured } = traceClosure(
    (...inputs) => {
      form = call.step(
        fillTree(call.carry, inputs.slice(0, carries.length)),
        fillTree(call.sequences, inputs.slice(carries.length)),
      );
      const [before, after] = [call.carry, form.carry].map((tree) => treeEntries(tree).map(([path]) => path));
      if (before!.join() !== after!.join())
        throw new ShapeError(
          `scan: the carry has leaves ${before!.join(', ') || '(none)'} before and ${after!.join(', ') || '(none)'} after a step. Return the same tree.`,
        );
      return [...treeLeaves(form.carry), ...treeLeaves(form.output)];
    },
    [
      ...carries.map(({ shape, dtype }) => ({ shape, dtype })),
      ...sequences.map(({ shape, dtype }) => ({ shape: shape.slice(1), dtype })),
    ],
  );
  const results = apply(scanOp, [...(call.count ? [call.count] : []), ...carries, ...sequences, ...captured], {
    body: graph,
    carries: carries.length,
    sequences: sequences.length,
    length,
    reverse: call.reverse ?? false,
    counted: call.count !== undefined,
  });
  let next = 0;
  return {
    carry: mapTree(form!.carry, () => results[next++]!),
    outputs: mapTree(form!.output, () => results[next++]!),
  };
}
