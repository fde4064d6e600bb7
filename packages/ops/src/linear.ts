import type { Tensor } from '@tessera/tensor-core';
import { add, matmul, transpose } from '@tessera/tensor-core';

/** y = x Wᵀ + b. `x […, in]`, `weight [out, in]` (f32, f16 or bf16), `bias [out]` → `[…, out]`. Accumulated in at least f32. */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const y = matmul(x, transpose(weight));
  return bias ? add(y, bias) : y;
}
