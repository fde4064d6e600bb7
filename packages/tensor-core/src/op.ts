import type { DType } from './dtype.ts';
import type { Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';
import type { Kernel } from './kernel.ts';

/** Shape and element type of a value. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Constant parameters of an op: plain values, or graphs. They take part in the structural key of a program. */
export type Attributes = object;

/** Compulsory work of one call: each distinct input read once, each output written once, and the algorithm's flops. */
export interface Cost {
  /** Bytes moved. */
  readonly bytes: number;
  /** Floating-point operations (a multiply-add counts two). */
  readonly flops: number;
}

/** What a hand-written gradient is given. */
export interface GradientCall<A extends Attributes> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** Cotangents of the outputs; `undefined` where nothing flows back. */
  readonly cotangents: readonly (Tensor | undefined)[];
  readonly attributes: A;
}

/**
 * A named operation: its shape rule, its definition from simpler ops, and whatever makes it faster or better.
 * Primitives have no definition; every executor knows them.
 */
export interface Op<A extends Attributes = Attributes> {
  /** `npm-package:op`. */
  readonly id: `${string}:${string}`;
  /** The shape rule. Throws {@link ShapeError} for inputs that do not fit. */
  infer(inputs: readonly TensorType[], attributes: A): readonly TensorType[];
  /** The meaning of the op, composed of simpler ops. Absent for primitives. */
  definition?(inputs: readonly Tensor[], attributes: A): readonly Tensor[];
  /** Accelerations of the definition, tried in order. */
  readonly kernels?: readonly Kernel<A>[];
  /** Gradient by hand; absent: derived from the definition. One entry per input, `undefined` where it has none. */
  gradient?(call: GradientCall<A>): readonly (Tensor | undefined)[];
  /** Compulsory work; absent: bytes of inputs and outputs, one flop per output element. */
  cost?(inputs: readonly TensorType[], outputs: readonly TensorType[], attributes: A): Cost;
}
