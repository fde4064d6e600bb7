import type { KernelCase } from '../kernel-case.ts';
import type { Scale } from '../scale.ts';
import { layerWeights } from './matmul.ts';
import type { WeightDtype } from './products.ts';
import { coldUnits, linearCase } from './products.ts';

/** Rows of a draft with the token before it. */
const fewRows = [2, 5, 8];

function gemvCase([K, N]: readonly [number, number], dtype: WeightDtype, M = 1): KernelCase {
  const size = { M, K, N };
  return linearCase('gemv', size, dtype, coldUnits(size, dtype));
}

/** One row times the weights of a layer, which is what a decode step of one sequence is made of, and the few rows of a draft. */
export function gemvCases(scale: Scale): KernelCase[] {
  if (scale === 'dry')
    return [linearCase('gemv', { M: 1, K: 32, N: 24 }, 'f16', 3), linearCase('gemv', { M: 1, K: 31, N: 9 }, 'f32', 2)];
  const { tiny, seven } = layerWeights;
  const large = [8192, 28_672] as const;
  const drafts = fewRows.flatMap((M) => tiny.map((weight) => gemvCase(weight, 'f16', M)));
  if (scale === 'quick') return [...[...tiny, seven[0]!, large].map((weight) => gemvCase(weight, 'f16')), ...drafts];
  const single = (['f16', 'bf16', 'f32'] as const).flatMap((dtype) =>
    [...tiny, ...seven, large, ...(dtype === 'f16' ? [[2049, 5633] as const] : [])].map((weight) =>
      gemvCase(weight, dtype),
    ),
  );
  return [...single, ...drafts];
}
