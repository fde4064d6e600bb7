import { add, cast, div, matmul, maximum, mul, sqrt, square, sum, transpose } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** How Muon turns a matrix into a nearly orthogonal one. */
export interface NewtonSchulz {
  readonly steps: number;
  /** a, b and c of a X + (b XXᵀ + c (XXᵀ)²) X. */
  readonly coefficients: readonly [number, number, number];
  /** Least norm by which a matrix is divided. */
  readonly eps: number;
  /** `bf16` rounds each product as PyTorch does, `f32` does not. */
  readonly precision: 'bf16' | 'f32';
}

/**
 * Nearly the orthogonal matrix that is closest to `G [rows, columns]`: its singular values come near 1 by a polynomial of odd
 * powers, applied `steps` times.
 *
 * X ← a X + (b A + c A²) X with A = XXᵀ
 * @see Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
 */
export function orthogonalize(G: Tensor, { steps, coefficients: [a, b, c], eps, precision }: NewtonSchulz): Tensor {
  const round = (x: Tensor): Tensor => (precision === 'bf16' ? cast(cast(x, 'bf16'), 'f32') : x);
  const [rows, columns] = G.shape as readonly [number, number];
  const wide = rows > columns ? transpose(G) : G;
  const rounded = round(wide);
  const norm = round(sqrt(sum(square(rounded))));
  let X = round(div(rounded, maximum(norm, eps)));
  for (let step = 0; step < steps; step++) {
    const A = round(matmul(X, transpose(X)));
    const B = round(add(mul(A, b), mul(matmul(A, A), c)));
    X = round(add(mul(X, a), matmul(B, X)));
  }
  return rows > columns ? transpose(X) : X;
}
