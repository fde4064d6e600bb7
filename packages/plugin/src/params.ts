import type { Shape, Tensor } from '@tessera/tensor-core';

/** How a parameter starts when it is not loaded. Drawn on the CPU from the model's seed. */
export type Initializer =
  | { readonly kind: 'constant'; readonly value: number }
  /** Mean 0. */
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'uniform'; readonly low: number; readonly high: number }
  | {
      readonly kind: 'custom';
      /** One number per element, row-major, from uniform draws in [0, 1). */
      readonly values: (uniform: Float32Array) => ArrayLike<number>;
    };

/** One learned tensor. */
export interface ParamSpec {
  readonly shape: Shape;
  readonly init: Initializer;
  /** True: kept in f32 whatever dtype the weights have. Tensors of fewer than two axes always are. */
  readonly precise?: boolean;
}

/** The learned tensors of a layer by name; names of optional parameters are left out when they do not exist. */
export type ParamSpecs<Params> = { readonly [K in keyof Params]: ParamSpec };

/** Learned tensors by name. */
export type ParamTree = Readonly<Record<string, Tensor>>;

/** Normal with mean 0. */
export function normal(std: number): Initializer {
  return { kind: 'normal', std };
}

/** The same number everywhere. */
export function constant(value: number): Initializer {
  return { kind: 'constant', value };
}

/** Weight `[out, in]` of a linear map, normal with standard deviation in^−½. */
export function linearWeight(out: number, input: number): ParamSpec {
  return { shape: [out, input], init: normal(input ** -0.5) };
}

/** Zeros of one axis. */
export function bias(size: number): ParamSpec {
  return { shape: [size], init: constant(0) };
}
