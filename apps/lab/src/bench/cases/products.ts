import { linear } from '@tessera/ops';
import type { Tensor, TensorType } from '@tessera/tensor-core';
import { add, bytesPerElement, matmul, sizeOf } from '@tessera/tensor-core';
import { numbersOf } from '../filler.ts';
import type { Group, KernelCase, Sample } from '../kernel-case.ts';
import { somePlaces } from '../kernel-case.ts';

/** How numbers of a weight are stored. */
export type WeightDtype = 'f32' | 'f16' | 'bf16';

/** The sizes of a product, `[M, K] · [K, N]`. */
export interface ProductSize {
  readonly M: number;
  readonly K: number;
  readonly N: number;
}

/** What a sum of products in f32 may differ by; what is stored in 16 bits may also be multiplied in 16 bits. */
const tolerances = { f32: 1e-4, f16: 2e-3, bf16: 2e-3 } as const;
/** Multiplications that a check may take. */
const patience = 2e7;

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

const matrix = (rows: number, columns: number, dtype: WeightDtype = 'f32'): TensorType => ({
  shape: [rows, columns],
  dtype,
});

/** Two matrices that are both values: `[M, K] · [K, N]`, row-major. */
export function matmulCase({ M, K, N }: ProductSize, dtype: WeightDtype): KernelCase {
  const types = [matrix(M, K), matrix(K, N, dtype)] as const;
  return {
    group: 'matmul',
    shape: `${M}×${K} · ${K}×${N}`,
    dtype,
    inputs: types,
    build: ([a, b]) => matmul(a!, b!),
    units: 1,
    work: { bytes: 4 * M * K + bytesPerElement(dtype) * K * N + 4 * M * N, flops: 2 * M * N * K },
    check: ([a, b]) =>
      somePlaces(M * N, 1024).map((index) => ({
        index,
        value: dot(numbersOf(a!, types[0], Math.floor(index / N) * K, K), numbersOf(b!, types[1], index % N, K, N)),
      })),
    tolerance: tolerances[dtype],
  };
}

/**
 * Rows times a layer's weight, x Wᵀ with `W [N, K]`, with the residual added, as a model has it. In one run this is done with
 * `units` weights, each result being the residual of the next: as in a model nothing runs side by side, and no weight is still
 * in a cache.
 */
export function linearCase(group: Group, { M, K, N }: ProductSize, dtype: WeightDtype, units: number): KernelCase {
  const x = matrix(M, K);
  const weight = matrix(N, K, dtype);
  const residual = matrix(M, N);
  return {
    group,
    shape: `${M}×${K} → ${N}`,
    dtype,
    inputs: [x, residual, ...Array.from({ length: units }, () => weight)],
    // Every sum is a result of the run, so that no compiler adds them up at once and computes the products side by side.
    build: ([rows, first, ...weights]) => {
      const sums: Tensor[] = [];
      for (const each of weights) sums.push(add(linear(rows!, each), sums.at(-1) ?? first!));
      return sums;
    },
    units,
    work: {
      bytes: 4 * M * K + bytesPerElement(dtype) * K * N + 8 * M * N,
      flops: 2 * M * N * K,
    },
    check: ([rows, first, ...weights]) =>
      somePlaces(sizeOf(residual.shape), Math.max(32, Math.min(1024, Math.floor(patience / K / units)))).map(
        (index): Sample => {
          const row = numbersOf(rows!, x, Math.floor(index / N) * K, K);
          return weights.reduce<Sample>(
            (sum, each) => ({ index, value: sum.value + dot(row, numbersOf(each, weight, (index % N) * K, K)) }),
            { index, value: first![index]! },
          );
        },
      ),
    tolerance: tolerances[dtype],
  };
}

/** Several times what the caches of large GPUs hold. */
const uncached = 2 ** 28;
const mostUnits = 64;

/** Weights that a run needs so that none of them is still in a cache. */
export function coldUnits({ K, N }: ProductSize, dtype: WeightDtype): number {
  return Math.max(2, Math.min(mostUnits, Math.ceil(uncached / (K * N * bytesPerElement(dtype)))));
}
