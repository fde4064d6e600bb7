import type { Tensor } from '@tessera/tensor-core';
import { add, exp, lessEqual, minimum, where } from '@tessera/tensor-core';

/** elu(x) + 1: x + 1 above 0, e^x below. @see Katharopoulos et al. 2020, arXiv:2006.16236, eq. 7. */
export function eluPlusOne(x: Tensor): Tensor {
  // The exponent is bounded where it is not taken, else it would overflow on the way back.
  return where(lessEqual(x, 0), exp(minimum(x, 0)), add(x, 1));
}
