import type { ActivationName } from '@tessera/ops';
import { activationNames, activations } from '@tessera/ops';
import { add, less, mul, neg, sqrt, sub, where } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

/** What makes a dot product inside a group a weight: an activation, or how likely hashes of query and key collide. */
export type GroupWeights = ActivationName | 'collisions';

/** Names of {@link GroupWeights}, for settings. */
export const groupWeightNames: readonly GroupWeights[] = [...activationNames, 'collisions'];

/** The function of these settings, element by element. */
export function weighOf({
  weights,
  hashBits,
}: {
  readonly weights: GroupWeights;
  readonly hashBits: number;
}): (score: Tensor) => Tensor {
  return weights === 'collisions' ? (score) => collisionProbability(score, hashBits) : activations[weights];
}

// A cosine of 1 has an infinite slope.
const shrink = 0.98;

/**
 * How likely `bits` random hyperplanes leave two vectors on the same side: (1 − acos(0.98 s) / π)^bits for the cosine s of their angle.
 * @see Zeng et al. 2021, arXiv:2111.09714, equation 4; the 0.98 is that of the codes.
 */
function collisionProbability(cosine: Tensor, bits: number): Tensor {
  const sameSide = sub(1, mul(arcCosine(mul(cosine, shrink)), 1 / Math.PI));
  let [power, square] = [undefined as Tensor | undefined, sameSide];
  for (let left = bits; left > 0; left >>= 1) {
    if (left & 1) power = power ? mul(power, square) : square;
    if (left > 1) square = mul(square, square);
  }
  return power!;
}

/** Of √(1 − x) (a₀ + a₁ x + …), 0 ≤ x ≤ 1: within 2e-8 of acos. @see Abramowitz and Stegun 1964, formula 4.4.46. */
const coefficients = [
  1.5707963050, -0.2145988016, 0.0889789874, -0.0501743046, 0.0308918810, -0.0170881256, 0.0066700901, -0.0012624911,
] as const; // prettier-ignore

/** acos x for |x| < 1. */
function arcCosine(x: Tensor): Tensor {
  const below = less(x, 0);
  const size = where(below, neg(x), x); // unlike |x| with a slope at 0
  let sum: Tensor | number = 0;
  for (const coefficient of coefficients.toReversed()) sum = add(mul(size, sum), coefficient);
  const above = mul(sqrt(sub(1, size)), sum);
  return where(below, sub(Math.PI, above), above);
}
