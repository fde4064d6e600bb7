import type { Tensor } from '@tessera/tensor-core';
import { add, div, greater, mul, reshape, sqrt, square, sum, where } from '@tessera/tensor-core';

/** How the parts of grouped attention become one. */
export interface MixConfig {
  /** Factor of the part inside the group; where a learned one starts. @defaultValue 1 */
  readonly localFactor?: number;
  /** Factor of the part of earlier groups; where a learned one starts. @defaultValue 1 */
  readonly globalFactor?: number;
  /** Which factors are learned. @defaultValue 'none' */
  readonly learnedFactors?: 'none' | 'local' | 'global' | 'both';
  /** Whether a learned factor is one for the layer or one for each head. @defaultValue 'layer' */
  readonly factorsOf?: 'layer' | 'head';
  /** The part of earlier groups is divided by its length, head by head. @defaultValue false */
  readonly normGlobal?: boolean;
  /** The sum of the parts is divided by its length: that of each head, or of all heads together. @defaultValue 'none' */
  readonly normTogether?: 'none' | 'head' | 'all';
  /** Added to the lengths. @defaultValue 1e-5 */
  readonly normEps?: number;
  /** The sum o of the parts becomes ½ v + o / π, divided by its length. @defaultValue false */
  readonly castling?: boolean;
}

/** Learned factors, `[1]` or `[H]`. */
export interface FactorParams {
  /** `[1]` or `[H]` */
  readonly local_factor?: Tensor;
  /** `[1]` or `[H]` */
  readonly global_factor?: Tensor;
}

/** √Σ x² over the last axes, with gradient 0 where all of them are 0. */
function lengthOf(x: Tensor, axis: number | readonly number[]): Tensor {
  const total = sum(square(x), { axis, keepDims: true });
  const some = greater(total, 0);
  return where(some, sqrt(where(some, total, 1)), 0);
}

function scaled(part: Tensor, factor: number, learned: Tensor | undefined): Tensor {
  if (learned) return mul(part, reshape(learned, [learned.size, 1]));
  return factor === 1 ? part : mul(part, factor);
}

/** α_l local + α_g global, with what the settings ask for in between. Parts and values are `[B, n, H, V]`. */
export function mixParts(
  { local, global }: { readonly local: Tensor | undefined; readonly global: Tensor | undefined },
  v: Tensor,
  config: Required<MixConfig>,
  params: FactorParams,
): Tensor {
  const { normEps, normTogether } = config;
  const far = global && (config.normGlobal ? div(global, add(lengthOf(global, -1), normEps)) : global);
  const terms = [
    ...(local ? [scaled(local, config.localFactor, params.local_factor)] : []),
    ...(far ? [scaled(far, config.globalFactor, params.global_factor)] : []),
  ];
  let o = terms.reduce((total, term) => add(total, term));
  if (normTogether !== 'none') o = div(o, add(lengthOf(o, normTogether === 'head' ? -1 : [-2, -1]), normEps));
  return config.castling ? castled(o, v) : o;
}

/** ½ v + o / π, divided by its length. @see You et al. 2022, arXiv:2211.10526 */
export function castled(o: Tensor, v: Tensor): Tensor {
  const both = add(mul(v, 0.5), mul(o, 1 / Math.PI));
  const length = lengthOf(both, -1);
  return div(both, where(greater(length, 0), length, 1));
}
