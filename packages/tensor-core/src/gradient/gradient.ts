import { ShapeError } from '../errors.ts';
import type { GradientCall, Op } from '../op.ts';
import { ones, zeros } from '../primitives/index-ops.ts';
import { sameShape, showShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { fillTree, treeEntries, treeLeaves } from '../tree.ts';
import { cotangentsOf, isFloat } from './cotangents.ts';
import type { GradientRule } from './gradient-rule.ts';
import { primitiveGradients } from './primitive-gradients.ts';

/** By hand where an op brings its gradient, else of its primitive, else derived from its definition. */
function ruleOf(op: Op): GradientRule | undefined {
  if (op.gradient) return op.gradient as GradientRule;
  return primitiveGradients.get(op.id) ?? (op.definition && definitionGradient(op));
}

function definitionGradient(op: Op): GradientRule {
  return ({ inputs, cotangents, attributes }: GradientCall<never>, pull) =>
    // What is given as several inputs has one cotangent, which counts once.
    pull(op.definition!(inputs, attributes), cotangents, inputs).map((cotangent, index) =>
      inputs.indexOf(inputs[index]!) === index ? cotangent : undefined,
    );
}

/**
 * Cotangents of `wrt` for cotangents of `outputs` (undefined: nothing flows back). Undefined where `outputs` do not depend on it.
 * Cotangents are f32 of the shape of what they belong to, also for values stored in 16 bits.
 */
export function pullBack(
  outputs: readonly Tensor[],
  cotangents: readonly (Tensor | undefined)[],
  wrt: readonly Tensor[],
): (Tensor | undefined)[] {
  return cotangentsOf(outputs, cotangents, wrt, ruleOf);
}

/** A value with the gradient of a scalar by a tree of tensors. */
export interface ValueAndGrad<Result, Wrt> {
  /** What the function returned. */
  readonly value: Result;
  /** A tree of the form of the argument, f32; zeros where the value does not depend on a leaf. */
  readonly grad: Wrt;
}

/** dL/dw of a scalar L recorded from `wrt`, a tree of tensors: a tree of that form, f32, zeros where L does not depend on a leaf. */
export function gradOf<Wrt>(loss: Tensor, wrt: Wrt): Wrt {
  if (loss.size !== 1 || loss.dtype !== 'f32')
    throw new ShapeError(
      `grad: the value is ${loss.dtype}${showShape(loss.shape)}, expected one f32. Sum it, or give vjp a cotangent.`,
    );
  const leaves = treeLeaves(wrt);
  checkFloats(wrt);
  const made = pullBack([loss], [ones(loss.shape)], leaves);
  return fillTree(
    wrt,
    made.map((cotangent, index) => cotangent ?? zeros(leaves[index]!.shape)),
  );
}

/**
 * Calls `f` and differentiates the scalar that it returns, or the first of what it returns, by its argument.
 *
 * {@includeCode ../../examples/gradient.ts#value-and-grad}
 * @throws {@link ShapeError} when that is not one f32
 */
export function valueAndGrad<Wrt>(f: (wrt: Wrt) => Tensor): (wrt: Wrt) => ValueAndGrad<Tensor, Wrt> {
  return (wrt) => {
    const value = f(wrt);
    return { value, grad: gradOf(value, wrt) };
  };
}

/** As {@link valueAndGrad}, the gradient alone. */
export function grad<Wrt>(f: (wrt: Wrt) => Tensor): (wrt: Wrt) => Wrt {
  return (wrt) => gradOf(f(wrt), wrt);
}

/** A value, and what carries cotangents of it back. */
export interface Vjp<Result, Wrt> {
  readonly value: Result;
  /** Vector-Jacobian product: cotangents of the value, a tree of its form, to those of the argument. */
  pull(cotangent: Result): Wrt;
}

/** Calls `f`, from one tree of tensors to another, and keeps how to carry cotangents back. */
export function vjp<Wrt, Result>(f: (wrt: Wrt) => Result, wrt: Wrt): Vjp<Result, Wrt> {
  checkFloats(wrt);
  const value = f(wrt);
  const outputs = treeLeaves(value);
  const leaves = treeLeaves(wrt);
  return {
    value,
    pull(cotangent) {
      const given = treeLeaves(cotangent);
      if (given.length !== outputs.length || given.some((c, i) => !sameShape(c.shape, outputs[i]!.shape)))
        throw new ShapeError(
          `vjp: cotangents of shapes ${given.map(({ shape }) => showShape(shape)).join(', ')} do not fit outputs of ${outputs.map(({ shape }) => showShape(shape)).join(', ')}.`,
        );
      const made = pullBack(outputs, given, leaves);
      return fillTree(
        wrt,
        made.map((each, index) => each ?? zeros(leaves[index]!.shape)),
      );
    },
  };
}

function checkFloats(wrt: unknown): void {
  for (const [path, leaf] of treeEntries(wrt))
    if (!isFloat(leaf))
      throw new ShapeError(`grad: ${path || 'the argument'} is ${leaf.dtype}; only floats have gradients.`);
}
