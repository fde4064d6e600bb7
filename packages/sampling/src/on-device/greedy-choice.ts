import type { Op, Tensor, TensorType } from '@tessera/tensor-core';
import {
  ShapeError,
  add,
  apply1,
  argmax,
  equal,
  expandDims,
  iota,
  less,
  lessEqual,
  abs,
  max,
  min,
  or,
  showShape,
  where,
  zeros,
} from '@tessera/tensor-core';
import { choiceColumns, choiceOf, column, status } from './choice.ts';
import { greedyKernel } from './greedy-choice.wgsl.ts';

const largest = 3.4028234663852886e38;

/**
 * Op: the most likely token of each row, of equal ones the lowest id. Inputs: values `[B, V]`, which the choice is among;
 * logits `[B, V]` of the model before any option, only looked at for what is no number; the last choice `[B, 3]`. Output:
 * the next choice `[B, 3]`.
 */
const greedyChoiceOp: Op<Record<never, never>> = {
  id: '@tessera/sampling:greedy-choice',
  infer: (inputs) => [choiceType('greedyChoice', inputs)],
  definition: ([values, logits, last]) => [
    checked(values!, logits!, last!, expandDims(argmax(where(usable(values!), values!, -largest), { axis: 1 }), 1)),
  ],
  kernels: [greedyKernel],
};

/** See {@link greedyChoiceOp}. */
export function greedyChoice(values: Tensor, logits: Tensor, last: Tensor): Tensor {
  return apply1(greedyChoiceOp, [values, logits, last], {});
}

/** The shape rule of a choice. */
export function choiceType(where: string, [values, logits, last]: readonly TensorType[]): TensorType {
  const [B, V] = values!.shape;
  const fits =
    values!.shape.length === 2 &&
    V! > 0 &&
    logits!.shape.join() === values!.shape.join() &&
    last!.shape.join() === `${B},${choiceColumns}`;
  if (!fits)
    throw new ShapeError(
      `${where}: values are ${showShape(values!.shape)}, logits ${showShape(logits!.shape)}, the last choice ${showShape(last!.shape)}; expected [B, V], [B, V], [B, ${choiceColumns}] with V from 1.`,
    );
  return { shape: last!.shape, dtype: 'i32' };
}

/** True for finite values, `[B, V]`. */
export function usable(values: Tensor): Tensor {
  return lessEqual(abs(values), largest);
}

/** The choice of `id [B, 1]`, unless something is wrong with values or logits. */
export function checked(values: Tensor, logits: Tensor, last: Tensor, id: Tensor): Tensor {
  const [B, V] = values.shape as [number, number];
  const none = zeros([B, 1], 'i32');
  const firstBroken = (x: Tensor): Tensor =>
    min(where(or(usable(x), equal(x, -Infinity)), V, iota(x.shape, 1)), { axis: 1, keepDims: true });
  const empty = (x: Tensor): Tensor => less(max(where(usable(x), 1, zeros(x.shape)), { axis: 1, keepDims: true }), 1);
  // From what is said last to what is said first.
  let found = none;
  let shown = id;
  const say = (condition: Tensor, what: number, instead: Tensor): void => {
    found = where(condition, what, found);
    shown = where(condition, instead, shown);
  };
  say(empty(values), status.emptyOptions, none);
  say(less(firstBroken(values), V), status.brokenOptions, firstBroken(values));
  say(empty(logits), status.emptyModel, none);
  say(less(firstBroken(logits), V), status.brokenModel, firstBroken(logits));
  return choiceOf(shown, found, add(column(last, 2), 1));
}
