import type { Tensor } from '@tessera/tensor-core';
import {
  add,
  div,
  erf,
  lessEqual,
  maximum,
  minimum,
  mul,
  neg,
  sigmoid,
  sqrt,
  square,
  sub,
  tanh,
  where,
  less,
} from '@tessera/tensor-core';
import { softplus } from './softplus.ts';

/** max(x, 0), with gradient 0 at 0, as everybody has it. */
export function relu(x: Tensor): Tensor {
  return where(lessEqual(x, 0), 0, x); // NaN stays
}

/** x · σ(x), also called swish. @see Ramachandran et al. 2017, arXiv:1710.05941. */
export function silu(x: Tensor): Tensor {
  return mul(x, sigmoid(x));
}

/** Exact GELU, x · ½ (1 + erf(x/√2)). @see Hendrycks and Gimpel 2016, arXiv:1606.08415. */
export function gelu(x: Tensor): Tensor {
  return mul(mul(x, 0.5), add(erf(mul(x, Math.SQRT1_2)), 1));
}

/** GELU by tanh: ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))). */
export function geluTanh(x: Tensor): Tensor {
  const inner = mul(add(x, mul(mul(square(x), x), 0.044715)), Math.sqrt(2 / Math.PI));
  return mul(mul(x, 0.5), add(tanh(inner), 1));
}

/** log σ(x), stable at both ends. */
export function logSigmoid(x: Tensor): Tensor {
  return neg(softplus(neg(x)));
}

/** Functions of one number that checkpoints name, by the name that we use. */
export const activations: Readonly<Record<ActivationName, (x: Tensor) => Tensor>> = {
  identity: (x) => x,
  relu,
  relu2: (x) => square(relu(x)),
  relu6: (x) => minimum(maximum(x, 0), 6),
  'leaky-relu': (x) => where(less(x, 0), mul(x, 0.01), x),
  silu,
  gelu,
  'gelu-tanh': geluTanh,
  'gelu-10': (x) => minimum(maximum(gelu(x), -10), 10),
  'quick-gelu': (x) => mul(x, sigmoid(mul(x, 1.702))),
  sigmoid,
  tanh,
  mish: (x) => mul(x, tanh(softplus(x))),
  'hard-swish': (x) => div(mul(x, minimum(maximum(add(x, 3), 0), 6)), 6),
  'sqrt-softplus': (x) => sqrt(softplus(x)),
  laplace: (x) => mul(add(erf(div(sub(x, 0.707107), 0.282095 * Math.SQRT2)), 1), 0.5),
};

/** Names of {@link activations}. */
export type ActivationName =
  | 'identity' | 'relu' | 'relu2' | 'relu6' | 'leaky-relu' | 'silu' | 'gelu' | 'gelu-tanh' | 'gelu-10' | 'quick-gelu'
  | 'sigmoid' | 'tanh' | 'mish' | 'hard-swish' | 'sqrt-softplus' | 'laplace'; // prettier-ignore

/** The names, for settings. */
export const activationNames: readonly ActivationName[] = Object.keys(activations) as ActivationName[];
