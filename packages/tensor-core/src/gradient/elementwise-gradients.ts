import type { GradientCall } from '../op.ts';
import {
  abs,
  and,
  cast,
  cos,
  div,
  equal,
  exp,
  floor,
  less,
  log,
  mul,
  neg,
  pow,
  sign,
  sin,
  square,
  sub,
  where,
} from '../primitives/elementwise.ts';
import type { BinaryFunction, ElementwiseAttributes, UnaryFunction } from '../primitives/elementwise.ts';
import type { Operand, Tensor } from '../tensor.ts';
import { sumTo } from './sum-to.ts';

type Gradient = readonly (Tensor | undefined)[];

/** dL/dx of y = f(x), from x, y and dL/dy. Steps and roundings have none. */
const unary: Readonly<Partial<Record<UnaryFunction, (x: Tensor, y: Tensor, dy: Tensor) => Tensor>>> = {
  neg: (_, __, dy) => neg(dy),
  abs: (x, _, dy) => mul(dy, sign(x)),
  exp: (_, y, dy) => mul(dy, y),
  log: (x, _, dy) => div(dy, x),
  sqrt: (_, y, dy) => div(mul(dy, 0.5), y),
  rsqrt: (_, y, dy) => mul(mul(dy, -0.5), mul(y, square(y))),
  sin: (x, _, dy) => mul(dy, cos(x)),
  cos: (x, _, dy) => neg(mul(dy, sin(x))),
  tanh: (_, y, dy) => mul(dy, sub(1, square(y))),
  sigmoid: (_, y, dy) => mul(dy, mul(y, sub(1, y))),
  erf: (x, _, dy) => mul(dy, mul(exp(neg(square(x))), 2 / Math.sqrt(Math.PI))),
};

/** Gradient of a function of one number. */
export function unaryGradient(call: GradientCall<ElementwiseAttributes<UnaryFunction>>): Gradient {
  const rule = unary[call.attributes.fn];
  return [rule?.(call.inputs[0]!, call.outputs[0]!, call.cotangents[0]!)];
}

interface BinaryCall {
  readonly a: Tensor;
  readonly b: Tensor;
  readonly y: Tensor;
  readonly dy: Tensor;
}

/** Where one operand was taken, and half where both are equal. */
const chosen = (mine: Tensor, other: Tensor, first: (a: Operand, b: Operand) => Tensor, dy: Tensor): Tensor =>
  mul(dy, where(equal(mine, other), 0.5, where(first(mine, other), 1, 0)));

const binary: Readonly<Partial<Record<BinaryFunction, (call: BinaryCall) => readonly [Tensor, Tensor]>>> = {
  add: ({ dy }) => [dy, dy],
  sub: ({ dy }) => [dy, neg(dy)],
  mul: ({ a, b, dy }) => [mul(dy, b), mul(dy, a)],
  div: ({ b, y, dy }) => [div(dy, b), neg(div(mul(dy, y), b))],
  // a − b · trunc(a / b)
  rem: ({ a, b, dy }) => {
    const quotient = div(a, b);
    return [dy, neg(mul(dy, mul(sign(quotient), floor(abs(quotient)))))];
  },
  pow: ({ a, b, y, dy }) => {
    // At a = 0 the factors 0^−1 and log 0 stand beside a 0 and must not make NaN of it. Chosen by the operand, not by the
    // product, so that the gradient of this gradient is right where b is 0 as well.
    const zero = equal(a, 0);
    return [
      mul(dy, mul(b, pow(where(and(zero, equal(b, 0)), 1, a), sub(b, 1)))),
      mul(dy, mul(y, log(where(zero, 1, a)))),
    ];
  },
  max: ({ a, b, dy }) => [chosen(a, b, (x, z) => less(z, x), dy), chosen(b, a, (x, z) => less(z, x), dy)],
  min: ({ a, b, dy }) => [chosen(a, b, less, dy), chosen(b, a, less, dy)],
};

/** Gradient of a function of two numbers: what was stretched is summed. */
export function binaryGradient(call: GradientCall<ElementwiseAttributes<BinaryFunction>>): Gradient {
  const [a, b] = call.inputs as [Tensor, Tensor];
  const made = binary[call.attributes.fn]?.({ a, b, y: call.outputs[0]!, dy: call.cotangents[0]! });
  return made ? [sumTo(made[0], a.shape), sumTo(made[1], b.shape)] : [undefined, undefined];
}

/** Gradient of a choice: to the operand that was chosen. */
export function whereGradient({ inputs, cotangents }: GradientCall<object>): Gradient {
  const [condition, a, b] = inputs as [Tensor, Tensor, Tensor];
  const dy = cotangents[0]!;
  return [undefined, sumTo(where(condition, dy, 0), a.shape), sumTo(where(condition, 0, dy), b.shape)];
}

/** Gradient of a change of element type: the same numbers. Cotangents are always f32. */
export function castGradient({ inputs, outputs, cotangents }: GradientCall<object>): Gradient {
  const float = (x: Tensor): boolean => ['f32', 'f16', 'bf16'].includes(x.dtype);
  return [float(inputs[0]!) && float(outputs[0]!) ? cast(cotangents[0]!, 'f32') : undefined];
}
