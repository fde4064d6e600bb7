import type { Tensor } from '@tessera/tensor-core';
import { add, matmul, mul, transpose } from '@tessera/tensor-core';
import { lowRankUpdateOf } from './low-rank-update.ts';

/** y = x Wᵀ + b. `x […, in]`, `weight [out, in]` (f32, f16 or bf16), `bias [out]` → `[…, out]`. Accumulated in at least f32. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const update = lowRankUpdateOf(weight);
  const y = update
    ? add(linear(x, update.weight), matmul(mul(matmul(x, transpose(update.A)), update.scale), transpose(update.B)))
    : matmul(x, transpose(weight));
  return bias ? add(y, bias) : y;
}
