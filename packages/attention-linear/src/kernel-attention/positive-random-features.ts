import { linear } from '@tessera/ops';
import type { ParamSpec } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { exp, max, mul, square, stopGradient, sub, sum } from '@tessera/tensor-core';

/**
 * FAVOR+: φ(x) = m^{−½} exp(Ω x′ − ‖x′‖² / 2 − c) with x′ = x · K^{−¼}, so that φ(q) · φ(k) is exp(q · k / √K) on average over Ω. c keeps
 * the largest feature of a row at 1 where it is divided out again, and is 0 elsewhere: a constant for keys may not depend on later ones.
 * @param omega - Ω `[m, K]`; not learned
 * @param freeScale - whether c may be chosen for each row
 * @see Choromanski et al. 2020, arXiv:2009.14794, lemma 1 and section 2.4.
 */
export function positiveRandomFeatures(x: Tensor, omega: Tensor, freeScale: boolean): Tensor {
  const [m, K] = omega.shape as [number, number];
  const scaled = mul(x, K ** -0.25);
  const half = mul(sum(square(scaled), { axis: -1, keepDims: true }), 0.5);
  const exponent = sub(linear(scaled, stopGradient(omega)), half);
  const c = freeScale ? stopGradient(max(exponent, { axis: -1, keepDims: true })) : 0;
  return mul(exp(sub(exponent, c)), m ** -0.5);
}

/** Ω: Gaussian rows, those of each block of K orthogonal to each other. */
export function orthogonalFeatures(m: number, K: number): ParamSpec {
  return {
    shape: [m, K],
    precise: true,
    init: {
      kind: 'custom',
      values(uniform) {
        const rows = Array.from({ length: m }, (_, i) => gaussians(uniform.subarray(i * K, (i + 1) * K)));
        for (const [i, row] of rows.entries()) orthogonalize(row, rows.slice(i - (i % K), i));
        return rows.flatMap((row) => [...row]);
      },
    },
  };
}

/** As many normal numbers as uniform ones: by pairs, and of an odd one alone. @see Box and Muller 1958. */
function gaussians(uniform: Float32Array): Float64Array {
  return Float64Array.from(uniform, (_, i) => {
    const first = i - (i % 2);
    // The last of an odd number turns by its own digits.
    const angle = 2 * Math.PI * (uniform[first + 1] ?? (uniform[first]! * 4096) % 1);
    const length = Math.sqrt(-2 * Math.log(Math.max(uniform[first]!, 2 ** -26)));
    return length * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}

/** Takes the directions of others out of a row and keeps its length, which does not depend on its direction. */
function orthogonalize(row: Float64Array, others: readonly Float64Array[]): void {
  const dot = (a: Float64Array, b: Float64Array): number => a.reduce((total, z, i) => total + z * b[i]!, 0);
  const length = Math.sqrt(dot(row, row));
  for (const other of others) {
    const part = dot(row, other) / dot(other, other);
    for (const [i, z] of other.entries()) row[i]! -= part * z;
  }
  const left = Math.sqrt(dot(row, row));
  for (const i of row.keys()) row[i]! *= length / left;
}
