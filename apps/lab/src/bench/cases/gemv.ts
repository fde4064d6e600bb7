import type { KernelCase } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';
import { layerWeights } from './matmul.ts';
import type { WeightDtype } from './products.ts';
import { coldUnits, linearCase } from './products.ts';

function gemvCase([K, N]: readonly [number, number], dtype: WeightDtype): KernelCase {
  const size = { M: 1, K, N };
  return linearCase('gemv', size, dtype, coldUnits(size, dtype));
}

/** One row times the weights of a layer: what a decode step of one sequence is made of. */
export function gemvCases(scale: Scale): KernelCase[] {
  if (scale === 'dry')
    return [linearCase('gemv', { M: 1, K: 32, N: 24 }, 'f16', 3), linearCase('gemv', { M: 1, K: 31, N: 9 }, 'f32', 2)];
  const { tiny, seven } = layerWeights;
  const large = [8192, 28_672] as const;
  if (scale === 'quick') return [...tiny, seven[0]!, large].map((weight) => gemvCase(weight, 'f16'));
  return (['f16', 'bf16', 'f32'] as const).flatMap((dtype) =>
    [...tiny, ...seven, large, ...(dtype === 'f16' ? [[2049, 5633] as const] : [])].map((weight) =>
      gemvCase(weight, dtype),
    ),
  );
}
