import { linear, relu, softmax } from '@tessera/ops';
import type { ParamSpec } from '@tessera/plugin';
import { bias, linearWeight } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, concat, div, expandDims, mul, neg, ones, reshape, slice, square, sum } from '@tessera/tensor-core';
import { eluPlusOne } from '../layer/elu-plus-one.ts';
import { orthogonalFeatures, positiveRandomFeatures } from './positive-random-features.ts';

/** Names of the feature maps φ of kernel attention. */
export type FeatureMapName =
  | 'elu'
  | 'relu'
  | 'relu2'
  | 'favor'
  | 'taylor'
  | 'hedgehog'
  | 'product'
  | 't2r'
  | 'dpfp'
  | 'identity';

/** Learned tensors of a feature map, by short name. */
export type FeatureParams = Readonly<Record<string, Tensor | undefined>>;

/** What a feature map is given beside x `[B, n, H, K]`. */
interface FeatureCall {
  readonly params: FeatureParams;
  /** ν of DPFP. */
  readonly shifts: number;
  /** True where a factor for each row of x is divided out again: of queries under a denominator. */
  readonly freeScale: boolean;
}

/** Sizes that a feature map depends on. */
export interface FeatureSizes {
  readonly K: number;
  /** Features of FAVOR+. */
  readonly features: number;
  /** ν of DPFP. */
  readonly shifts: number;
}

/** A feature map. */
export interface FeatureMap {
  /** φ(q) · φ(k) is never below 0, so that it may stand in a denominator. */
  readonly positive: boolean;
  /** K′, features of a query or key. */
  size(sizes: FeatureSizes): number;
  /** φ(x), `[B, n, H, K′]`. */
  apply(x: Tensor, call: FeatureCall): Tensor;
  /** Learned tensors for queries, and others alike for keys unless they are tied. */
  params?(sizes: FeatureSizes): Record<string, ParamSpec>;
  /** Tensors for queries and keys together. */
  common?(sizes: FeatureSizes): Record<string, ParamSpec>;
}

const sameSize = ({ K }: FeatureSizes): number => K;

/** x rolled by j along the last axis: element i is that at i − j. */
function roll(x: Tensor, j: number): Tensor {
  const size = x.shape.at(-1)!;
  const cut = size - (j % size);
  return concat([slice(x, -1, cut), slice(x, -1, 0, cut)], x.rank - 1);
}

/** The feature maps by name. */
export const featureMaps: Readonly<Record<FeatureMapName, FeatureMap>> = {
  elu: { positive: true, size: sameSize, apply: eluPlusOne },
  relu: { positive: true, size: sameSize, apply: (x) => relu(x) },
  relu2: { positive: true, size: sameSize, apply: (x) => square(relu(x)) },
  favor: {
    positive: true,
    size: ({ features }) => features,
    apply: (x, { params, freeScale }) => positiveRandomFeatures(x, params['omega']!, freeScale),
    common: ({ K, features }) => ({ omega: orthogonalFeatures(features, K) }),
  },
  taylor: {
    positive: true, // 1 + s + s²/2 = ½ ((1 + s)² + 1)
    size: ({ K }) => 1 + K + K * K,
    apply(x) {
      const [B, n, H, K] = x.shape as [number, number, number, number];
      const scaled = mul(x, K ** -0.25);
      const pairs = mul(expandDims(scaled, 4), expandDims(scaled, 3));
      return concat([ones([B, n, H, 1]), scaled, mul(reshape(pairs, [B, n, H, K * K]), Math.SQRT1_2)], 3);
    },
  },
  hedgehog: {
    positive: true,
    size: ({ K }) => 2 * K,
    apply(x, { params }) {
      const y = mul(linear(x, params['map']!, params['map_bias']), 2);
      return softmax(concat([y, neg(y)], 3));
    },
    params: ({ K }) => ({ map: linearWeight(K, K), map_bias: bias(K) }),
  },
  product: {
    positive: false,
    size: sameSize,
    apply: (x, { params: p }) =>
      mul(linear(x, p['map']!, p['map_bias']), linear(x, p['second_map']!, p['second_map_bias'])),
    params: ({ K }) => ({
      map: linearWeight(K, K),
      map_bias: bias(K),
      second_map: linearWeight(K, K),
      second_map_bias: bias(K),
    }),
  },
  t2r: {
    positive: true,
    size: sameSize,
    apply: (x, { params }) => relu(linear(x, params['map']!)),
    params: ({ K }) => ({ map: linearWeight(K, K) }),
  },
  dpfp: {
    positive: false, // at the border between the halves its factors differ in sign
    size: ({ K, shifts }) => 2 * K * shifts,
    apply(x, { shifts }) {
      const r = relu(x);
      const y = concat([r, neg(r)], 3);
      return concat(Array.from({ length: shifts }, (_, j) => mul(y, roll(y, j + 1))), 3); // prettier-ignore
    },
  },
  identity: { positive: false, size: sameSize, apply: (x) => x },
};

/** Their names, for settings. */
export const featureMapNames: readonly FeatureMapName[] = Object.keys(featureMaps) as FeatureMapName[];

/** x / (Σ x + ε) along the last axis, as some layers do to features. */
export function overSum(x: Tensor): Tensor {
  const total = sum(x, { axis: -1, keepDims: true });
  return div(x, add(total, 1e-4));
}
