import { ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { checkShape } from '../shape.ts';
import { fromHost, apply1 } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { threefry } from '../threefry.ts';
import { abs, add, cast, greaterEqual, log, mul, shiftRight, sign, sqrt, sub, where, less } from './elementwise.ts';

/**
 * Primitive: random words by counting, the same on every device: words 2j and 2j + 1 are threefry2x32-20 of the
 * counter (j, 0) under `key [2]` (u32).
 * @see Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3".
 */
export const randomBitsOp: Op<{ readonly shape: readonly number[] }> = {
  id: '@tessera/tensor-core:random-bits',
  infer([key], { shape }) {
    checkShape(shape, 'randomBits');
    if (key!.dtype !== 'u32' || key!.shape.length !== 1 || key!.shape[0] !== 2)
      throw new ShapeError('randomBits: a key is u32 of shape [2]. Make one with randomKey(seed).');
    return [{ shape, dtype: 'u32' }];
  },
};

/** A key from a seed (a whole number up to 2⁵³). */
export function randomKey(seed: number): Tensor {
  return fromHost(Uint32Array.of(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0), [2], 'u32');
}

/** A key for the `number`-th of many streams under one key given as words. Computed on the host. */
export function foldKey(key: readonly [number, number], number: number): [number, number] {
  return threefry(key[0], key[1], number >>> 0, Math.floor(number / 2 ** 32) >>> 0);
}

/** Random words. */
export function randomBits(key: Tensor, shape: readonly number[]): Tensor {
  return apply1(randomBitsOp, [key], { shape });
}

/** Uniform numbers in [0, 1): multiples of 2⁻²⁴, identical on every device. */
export function randomUniform(key: Tensor, shape: readonly number[]): Tensor {
  return mul(cast(shiftRight(randomBits(key, shape), 8), 'f32'), 2 ** -24);
}

/** Standard normal numbers, within 1e-5 the same on every device: √2 · erf⁻¹(2u − 1 + 2⁻²⁴). */
export function randomNormal(key: Tensor, shape: readonly number[]): Tensor {
  // Odd multiples of 2⁻²⁴ in (−1, 1), each exact in single precision: never ±1, where erf⁻¹ is infinite.
  const x = add(sub(mul(randomUniform(key, shape), 2), 1), 2 ** -24);
  return mul(inverseErf(x), Math.SQRT2);
}

/**
 * erf⁻¹ by two polynomials in −log(1 − x²), good to about 3e-7 relative in single precision.
 * @see Giles 2012, "Approximating the erfinv function".
 */
function inverseErf(x: Tensor): Tensor {
  const w = sub(0, log(mul(sub(1, abs(x)), add(1, abs(x)))));
  const polynomial = (t: Tensor, coefficients: readonly number[]): Tensor =>
    coefficients.slice(2).reduce((p, c) => add(mul(p, t), c), add(mul(t, coefficients[0]!), coefficients[1]!));
  const central = polynomial(
    sub(w, 2.5),
    [
      2.81022636e-8, 3.43273939e-7, -3.5233877e-6, -4.39150654e-6, 0.00021858087, -0.00125372503, -0.00417768164,
      0.246640727, 1.50140941,
    ],
  );
  const tail = polynomial(
    sub(sqrt(where(less(w, 5), 5, w)), 3),
    [
      -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047,
      1.00167406, 2.83297682,
    ],
  );
  return mul(mul(sign(x), where(greaterEqual(w, 5), tail, central)), abs(x));
}
