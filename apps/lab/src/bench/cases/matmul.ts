import type { KernelCase } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';
import type { ProductSize, WeightDtype } from './products.ts';
import { coldUnits, linearCase, matmulCase } from './products.ts';

const square = (n: number): ProductSize => ({ M: n, K: n, N: n });

/** Weights of a layer as `[inputs, outputs]`: TinyLlama (width 2048), and a model of seven billion parameters (width 4096). */
export const layerWeights: Readonly<Record<'tiny' | 'seven', readonly (readonly [K: number, N: number])[]>> = {
  tiny: [
    [2048, 2048],
    [2048, 256],
    [2048, 5632],
    [5632, 2048],
    [2048, 32_000],
  ],
  seven: [
    [4096, 4096],
    [4096, 11_008],
    [11_008, 4096],
    [4096, 32_000],
  ],
};

/** From here on arithmetic dominates and caches matter little: one weight, one run. */
const manyRows = 64;

function rowsTimesWeight(M: number, [K, N]: readonly [number, number], dtype: WeightDtype): KernelCase {
  const size = { M, K, N };
  return linearCase('matmul', size, dtype, M < manyRows ? coldUnits(size, dtype) : 1);
}

/** Products of matrices: square, of a model's layers with few and many rows, and of sizes that fit no tile. */
export function matmulCases(scale: Scale): KernelCase[] {
  if (scale === 'dry')
    return [
      matmulCase(square(16), 'f32'),
      matmulCase({ M: 17, K: 15, N: 9 }, 'f16'),
      linearCase('matmul', { M: 4, K: 16, N: 24 }, 'bf16', 2),
    ];
  const { tiny, seven } = layerWeights;
  if (scale === 'quick')
    return [
      matmulCase(square(1024), 'f32'),
      matmulCase(square(4096), 'f32'),
      matmulCase(square(4097), 'f32'),
      ...[4, 16, 512, 2048].map((M) => rowsTimesWeight(M, tiny[2]!, 'f16')),
    ];
  const few = [2, 4, 8, 16, 64, 512, 2048];
  return [
    ...[256, 512, 1024, 2048, 4096].map((n) => matmulCase(square(n), 'f32')),
    ...[255, 257, 1023, 1025, 4095, 4097].map((n) => matmulCase(square(n), 'f32')),
    ...(['f16', 'bf16'] as const).flatMap((dtype) => [1024, 4096, 4097].map((n) => matmulCase(square(n), dtype))),
    ...few.flatMap((M) => [...tiny, ...seven].map((weight) => rowsTimesWeight(M, weight, 'f16'))),
    ...few.flatMap((M) =>
      (['f32', 'bf16'] as const).flatMap((dtype) => [tiny[2]!, seven[0]!].map((w) => rowsTimesWeight(M, w, dtype))),
    ),
    ...[17, 513].map((M) => rowsTimesWeight(M, [2049, 5633], 'f16')),
  ];
}
