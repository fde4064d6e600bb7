import type { Tensor } from '@tessera/tensor-core';
import { div, equal, sum, where } from '@tessera/tensor-core';

/** x / Σ x along the last axis; what adds up to 0 stays as it is. @see Schlag et al. 2021, arXiv:2102.11174, section 4.2. */
export function sumToOne(x: Tensor): Tensor {
  const total = sum(x, { axis: -1, keepDims: true });
  return div(x, where(equal(total, 0), 1, total));
}
