import { logSigmoid } from '@tessera/ops';
import type { Tensor } from '@tessera/tensor-core';
import { div, maximum } from '@tessera/tensor-core';

/** Log decays from their logits, log σ(x) / normalizer, and not below a floor. @see Yang et al. 2023, arXiv:2312.06635, section 4.4. */
export function logDecay(logits: Tensor, normalizer: number, floor?: number): Tensor {
  const g = div(logSigmoid(logits), normalizer);
  return floor === undefined ? g : maximum(g, floor);
}
