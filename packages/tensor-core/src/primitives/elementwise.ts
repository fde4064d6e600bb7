import type { DType } from '../dtype.ts';
import { isPacked } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import type { Op, TensorType } from '../op.ts';
import { broadcastShapes, sameShape } from '../shape.ts';
import type { Operand, Tensor } from '../tensor.ts';
import { apply1, asTensor } from '../tensor.ts';

/** Functions of one number. `sigmoid` is stable at both ends; `erf` is good to 1e-7. */
export type UnaryFunction =
  | 'neg' | 'abs' | 'sign' | 'exp' | 'log' | 'sqrt' | 'rsqrt' | 'sin' | 'cos' | 'tanh' | 'sigmoid' | 'erf'
  | 'floor' | 'ceil' | 'round' | 'not'; // prettier-ignore

/** Functions of two numbers that keep their type. `rem` has the sign of the first operand. */
export type BinaryFunction =
  | 'add'
  | 'sub'
  | 'mul'
  | 'div'
  | 'rem'
  | 'pow'
  | 'max'
  | 'min'
  | 'and'
  | 'or'
  | 'xor'
  | 'shl'
  | 'shr';

/** Comparisons; they give `bool`. */
export type Comparison = 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge';

/** Attributes of elementwise primitives. */
export interface ElementwiseAttributes<F extends string> {
  readonly fn: F;
}

/** Primitive: a function of one number on each element. */
export const unaryOp: Op<ElementwiseAttributes<UnaryFunction>> = {
  id: '@tessera/tensor-core:unary',
  infer([x], { fn }) {
    computable(x!, fn);
    if (fn === 'not' ? x!.dtype !== 'bool' : x!.dtype === 'bool')
      throw new ShapeError(`${fn}: takes no ${x!.dtype}. Cast it first.`);
    if (x!.dtype !== 'f32' && !['neg', 'abs', 'sign', 'not'].includes(fn))
      throw new ShapeError(`${fn}: takes f32, not ${x!.dtype}. Cast it first.`);
    return [{ shape: x!.shape, dtype: x!.dtype }];
  },
};

/** Primitive: a function of two numbers, element by element, with broadcasting. */
export const binaryOp: Op<ElementwiseAttributes<BinaryFunction>> = {
  id: '@tessera/tensor-core:binary',
  infer([a, b], { fn }) {
    sameDtype(a!, b!, fn);
    const refused = { and: 'f32', or: 'f32', xor: 'f32' }[fn as string] ?? 'bool';
    const shift = fn === 'shl' || fn === 'shr';
    if (a!.dtype === refused || (shift && a!.dtype === 'f32'))
      throw new ShapeError(`${fn}: takes no ${a!.dtype}. Cast it first.`);
    if (fn === 'pow' && a!.dtype !== 'f32') throw new ShapeError(`pow: takes f32, not ${a!.dtype}. Cast it first.`);
    return [{ shape: broadcastShapes(a!.shape, b!.shape, fn), dtype: a!.dtype }];
  },
};

/** Primitive: a comparison, element by element, with broadcasting. */
export const compareOp: Op<ElementwiseAttributes<Comparison>> = {
  id: '@tessera/tensor-core:compare',
  infer([a, b], { fn }) {
    sameDtype(a!, b!, fn);
    return [{ shape: broadcastShapes(a!.shape, b!.shape, fn), dtype: 'bool' }];
  },
};

/** Primitive: the second operand where the first is true, else the third. The operand not chosen never counts, NaN or not. */
export const whereOp: Op<Record<never, never>> = {
  id: '@tessera/tensor-core:where',
  infer([condition, a, b]) {
    if (condition!.dtype !== 'bool')
      throw new ShapeError(`where: the condition is ${condition!.dtype}, expected bool. Compare it with something.`);
    sameDtype(a!, b!, 'where');
    return [
      {
        shape: broadcastShapes(condition!.shape, broadcastShapes(a!.shape, b!.shape, 'where'), 'where'),
        dtype: a!.dtype,
      },
    ];
  },
};

/** Primitive: the same numbers as another element type. Floats go to integers towards zero, unspecified where they do not fit; to 16 bits by rounding to even. `bool` is x ≠ 0. */
export const castOp: Op<{ readonly dtype: DType }> = {
  id: '@tessera/tensor-core:cast',
  infer: ([x], { dtype }) => [{ shape: x!.shape, dtype }],
};

/** Primitive: the value of its input, through which no gradient flows. */
export const stopGradientOp: Op<Record<never, never>> = {
  id: '@tessera/tensor-core:stop-gradient',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
};

function computable(x: TensorType, fn: string): void {
  if (isPacked(x.dtype))
    throw new ShapeError(`${fn}: ${x.dtype} is a storage type. Cast it to f32 first.`, { facts: { dtype: x.dtype } });
}

function sameDtype(a: TensorType, b: TensorType, fn: string): void {
  computable(a, fn);
  if (a.dtype !== b.dtype)
    throw new ShapeError(`${fn}: operands are ${a.dtype} and ${b.dtype}. Cast one of them.`, {
      facts: { a: a.dtype, b: b.dtype },
    });
}

function unary(fn: UnaryFunction, x: Tensor): Tensor {
  return apply1(unaryOp, [x], { fn });
}

/** Numbers take the element type of the tensor beside them. */
function operands(a: Operand, b: Operand): [Tensor, Tensor] {
  if (typeof a === 'number') return [asTensor(a, typeof b === 'number' ? 'f32' : b.dtype), asTensor(b)];
  return [a, asTensor(b, a.dtype)];
}

function binary(fn: BinaryFunction, a: Operand, b: Operand): Tensor {
  return apply1(binaryOp, operands(a, b), { fn });
}

function compare(fn: Comparison, a: Operand, b: Operand): Tensor {
  return apply1(compareOp, operands(a, b), { fn });
}

/** −x. */
export const neg = (x: Tensor): Tensor => unary('neg', x);
/** |x|. */
export const abs = (x: Tensor): Tensor => unary('abs', x);
/** −1, 0 or 1. */
export const sign = (x: Tensor): Tensor => unary('sign', x);
/** e^x. */
export const exp = (x: Tensor): Tensor => unary('exp', x);
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => unary('log', x);
/** √x. */
export const sqrt = (x: Tensor): Tensor => unary('sqrt', x);
/** 1/√x. */
export const rsqrt = (x: Tensor): Tensor => unary('rsqrt', x);
/** Sine of x radians. On a GPU only good to 2⁻¹¹ in [−π, π]. */
export const sin = (x: Tensor): Tensor => unary('sin', x);
/** Cosine of x radians. On a GPU only good to 2⁻¹¹ in [−π, π]. */
export const cos = (x: Tensor): Tensor => unary('cos', x);
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => unary('tanh', x);
/** 1/(1 + e^−x), stable at both ends. */
export const sigmoid = (x: Tensor): Tensor => unary('sigmoid', x);
/** Error function. */
export const erf = (x: Tensor): Tensor => unary('erf', x);
/** Largest whole number not above x. */
export const floor = (x: Tensor): Tensor => unary('floor', x);
/** Smallest whole number not below x. */
export const ceil = (x: Tensor): Tensor => unary('ceil', x);
/** Nearest whole number, ties to even. */
export const round = (x: Tensor): Tensor => unary('round', x);
/** Logical not of a `bool`. */
export const not = (x: Tensor): Tensor => unary('not', x);

/** a + b. */
export const add = (a: Operand, b: Operand): Tensor => binary('add', a, b);
/** a − b. */
export const sub = (a: Operand, b: Operand): Tensor => binary('sub', a, b);
/** a · b, element by element. */
export const mul = (a: Operand, b: Operand): Tensor => binary('mul', a, b);
/** a / b; integers round towards zero. */
export const div = (a: Operand, b: Operand): Tensor => binary('div', a, b);
/** Remainder with the sign of a. */
export const rem = (a: Operand, b: Operand): Tensor => binary('rem', a, b);
/** a to the power of b. */
export const pow = (a: Operand, b: Operand): Tensor => binary('pow', a, b);
/** The larger one. */
export const maximum = (a: Operand, b: Operand): Tensor => binary('max', a, b);
/** The smaller one. */
export const minimum = (a: Operand, b: Operand): Tensor => binary('min', a, b);
/** Logical (bool) or bitwise (integers) and. */
export const and = (a: Operand, b: Operand): Tensor => binary('and', a, b);
/** Logical (bool) or bitwise (integers) or. */
export const or = (a: Operand, b: Operand): Tensor => binary('or', a, b);
/** Logical (bool) or bitwise (integers) exclusive or. */
export const xor = (a: Operand, b: Operand): Tensor => binary('xor', a, b);
/** Shift to the left. */
export const shiftLeft = (a: Operand, b: Operand): Tensor => binary('shl', a, b);
/** Shift to the right; arithmetic for i32. */
export const shiftRight = (a: Operand, b: Operand): Tensor => binary('shr', a, b);

/** a = b. */
export const equal = (a: Operand, b: Operand): Tensor => compare('eq', a, b);
/** a ≠ b. */
export const notEqual = (a: Operand, b: Operand): Tensor => compare('ne', a, b);
/** a < b. */
export const less = (a: Operand, b: Operand): Tensor => compare('lt', a, b);
/** a ≤ b. */
export const lessEqual = (a: Operand, b: Operand): Tensor => compare('le', a, b);
/** a > b. */
export const greater = (a: Operand, b: Operand): Tensor => compare('gt', a, b);
/** a ≥ b. */
export const greaterEqual = (a: Operand, b: Operand): Tensor => compare('ge', a, b);

/** `a` where the condition is true, else `b`; what is not chosen never counts. */
export function where(condition: Tensor, a: Operand, b: Operand): Tensor {
  return apply1(whereOp, [condition, ...operands(a, b)], {});
}

/** The same numbers as `dtype`. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : apply1(castOp, [x], { dtype });
}

/** The value of `x`, through which no gradient flows. */
export function stopGradient(x: Tensor): Tensor {
  return apply1(stopGradientOp, [x], {});
}

/** x · x. */
export function square(x: Tensor): Tensor {
  return mul(x, x);
}

/** True when both tensors have the same shape and element type. */
export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}
