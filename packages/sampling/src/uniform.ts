import { foldKey, threefry } from '@tessera/tensor-core';

/** Which number of a seed is meant. */
export interface UniformCall {
  readonly seed: number;
  /** Number of the token in the text, from 0. */
  readonly step: number;
  /** Row of the batch. @defaultValue 0 */
  readonly row?: number | undefined;
  /** Which of several numbers for one token; the choice of a token takes number 0. @defaultValue 0 */
  readonly draw?: number | undefined;
}

/**
 * A number in [0, 1), a multiple of 2⁻⁵³, by counting: it depends on nothing but the call, so rows, steps and devices may come in any order.
 * @see Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3".
 */
export function uniformOf({ seed, step, row = 0, draw = 0 }: UniformCall): number {
  const [key0, key1] = foldKey([seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0], row);
  const [high, low] = threefry(key0, key1, step, draw);
  return (high * 2 ** 21 + (low >>> 11)) * 2 ** -53;
}

/** The first place at which the running sum of `weights` passes `u` times their total. Places of weight 0 are never taken. */
export function placeOf(weights: Float32Array | Float64Array, u: number): number {
  let total = 0;
  for (let place = 0; place < weights.length; place++) total += weights[place]!;
  const wanted = u * total;
  let sum = 0;
  let last = -1;
  for (let place = 0; place < weights.length; place++) {
    if (!(weights[place]! > 0)) continue;
    last = place;
    sum += weights[place]!;
    if (sum > wanted) return place;
  }
  return last; // rounding of u · total up to the total itself
}
