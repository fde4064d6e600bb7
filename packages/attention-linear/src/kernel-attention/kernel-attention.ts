import { linear } from '@tessera/ops';
import type { MixerFactory, ParamSpec } from '@tessera/plugin';
import { bool, constant, fields, int, linearWeight, number, oneOf, optional } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, concat, div, mul, ones, reshape, slice } from '@tessera/tensor-core';
import type { SettingIssue } from '../layer/checked.ts';
import { checked, sharedEvenly, unread } from '../layer/checked.ts';
import { headOutput } from '../layer/head-output.ts';
import { recurrence } from '../layer/recurrence.ts';
import type { RecurrentCall, RecurrentResult } from '../layer/recurrent-mixer.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';
import { repeatHeads } from '../layer/repeat-heads.ts';
import type { FeatureMapName, FeatureParams, FeatureSizes } from './feature-maps.ts';
import { featureMapNames, featureMaps, overSum } from './feature-maps.ts';

/** Settings of {@link kernelAttention}. */
export interface KernelAttentionConfig {
  /** H, heads of queries. */
  readonly heads: number;
  /** P, heads of keys and values, a divisor of `heads`. @defaultValue heads */
  readonly kvHeads?: number;
  /** K, elements of a query or key before the feature map. */
  readonly keyDim: number;
  /** V, elements of a value. */
  readonly valueDim: number;
  /** φ. @defaultValue 'elu' */
  readonly featureMap?: FeatureMapName;
  /** m, features of `favor`. @defaultValue keyDim */
  readonly features?: number;
  /** ν, shifts of `dpfp`. @defaultValue 4 */
  readonly shifts?: number;
  /** Queries and keys go through the same learned map. @defaultValue false */
  readonly tiedFeatureMaps?: boolean;
  /** The features of a query are divided by their sum. @defaultValue false */
  readonly queriesOverSum?: boolean;
  /** The features of a key are divided by their sum. @defaultValue false */
  readonly keysOverSum?: boolean;
  /** Whether there is a denominator: the weights of a position add up to 1. Only for maps that are not negative. @defaultValue true */
  readonly normalize?: boolean;
  /** Norm of each head's output. @defaultValue 'none' */
  readonly outputNorm?: 'none' | 'rms';
  /** That norm has a weight. @defaultValue true */
  readonly normWeight?: boolean;
  /** Of that norm. @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** Learned tensors of {@link kernelAttention}. What a feature map does not learn is absent. */
export interface KernelAttentionParams {
  /** `[H · K, D]` */
  readonly q_proj: Tensor;
  /** `[P · K, D]` */
  readonly k_proj: Tensor;
  /** `[P · V, D]` */
  readonly v_proj: Tensor;
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** `[V]` */
  readonly o_norm?: Tensor;
  /** Ω of `favor`, `[m, K]`; drawn, not learned. */
  readonly omega?: Tensor;
  /** Of `hedgehog`, `product` and `t2r`, `[K, K]`; where they are tied, that of keys too. */
  readonly q_map?: Tensor;
  /** `[K]` */
  readonly q_map_bias?: Tensor;
  /** Of `product`, `[K, K]` */
  readonly q_second_map?: Tensor;
  /** `[K]` */
  readonly q_second_map_bias?: Tensor;
  /** `[K, K]` */
  readonly k_map?: Tensor;
  /** `[K]` */
  readonly k_map_bias?: Tensor;
  /** `[K, K]` */
  readonly k_second_map?: Tensor;
  /** `[K]` */
  readonly k_second_map_bias?: Tensor;
}

/** State of {@link kernelAttention}: constant in the number of positions. */
export interface KernelAttentionState {
  /** Σ φ(k)ᵀ v, and under a denominator Σ φ(k) as one more column: `[B, H, K′, V]` or `[B, H, K′, V + 1]`, f32. */
  readonly S: Tensor;
}

type Call = RecurrentCall<KernelAttentionConfig, KernelAttentionParams>;
type Settings = Required<KernelAttentionConfig>;

/** Keeps a denominator away from 0 where no feature is left. */
const denominatorEps = 1e-10;

function featureSizes({ keyDim: K, features, shifts }: Settings): FeatureSizes {
  return { K, features: (features as number | undefined) ?? K, shifts };
}

function kvHeadsOf({ heads, kvHeads }: Settings): number {
  return (kvHeads as number | undefined) ?? heads;
}

function featureSpecs(config: Settings): Record<string, ParamSpec> {
  const map = featureMaps[config.featureMap];
  const sizes = featureSizes(config);
  const learned = Object.entries(map.params?.(sizes) ?? {});
  const roles = config.tiedFeatureMaps ? ['q'] : ['q', 'k'];
  return {
    ...map.common?.(sizes),
    ...Object.fromEntries(roles.flatMap((role) => learned.map(([name, spec]) => [`${role}_${name}`, spec]))),
  };
}

/** φ(x) of `x [B, n, heads, K]`. */
function featuresOf(x: Tensor, role: 'q' | 'k', { params, config }: Call): Tensor {
  const owner = config.tiedFeatureMaps ? 'q' : role;
  const named = params as unknown as FeatureParams;
  const own = Object.entries(named).flatMap(([name, tensor]) =>
    name.startsWith(`${owner}_`) ? [[name.slice(2), tensor]] : [[name, tensor]],
  );
  const map = featureMaps[config.featureMap];
  const freeScale = role === 'q' && config.normalize;
  const phi = map.apply(x, { params: Object.fromEntries(own), shifts: config.shifts, freeScale });
  return (role === 'q' ? config.queriesOverSum : config.keysOverSum) ? overSum(phi) : phi;
}

function run(call: Call, state: KernelAttentionState): RecurrentResult<KernelAttentionState> {
  const { params: p, config, x, entries } = call;
  const { heads: H, keyDim: K, valueDim: V } = config;
  const P = kvHeadsOf(config);
  const [B, n] = x.shape as [number, number];
  const phiQ = featuresOf(reshape(linear(x, p.q_proj), [B, n, H, K]), 'q', call);
  const phiK = featuresOf(reshape(linear(x, p.k_proj), [B, n, P, K]), 'k', call);
  const v = reshape(linear(x, p.v_proj), [B, n, P, V]);
  const { o, S } = recurrence(
    {
      q: mul(phiQ, phiQ.shape[3]! ** -0.5),
      k: repeatHeads(phiK, H),
      v: repeatHeads(config.normalize ? concat([v, ones([B, n, P, 1])], 3) : v, H),
      S: state.S,
    },
    entries,
  );
  const heads = config.normalize ? div(slice(o, 3, 0, V), add(slice(o, 3, V), denominatorEps)) : o;
  const norm = config.outputNorm === 'rms' ? { weight: p.o_norm, eps: config.normEps } : undefined;
  return { y: headOutput(heads, { o_proj: p.o_proj, norm }), state: { S } };
}

function checkMap(config: Settings): SettingIssue | undefined {
  if (!config.normalize || featureMaps[config.featureMap].positive) return undefined;
  const fitting = featureMapNames.filter((name) => featureMaps[name].positive).join(', ');
  return {
    setting: 'normalize',
    message: `is true, expected false for the feature map '${config.featureMap}', whose weights may be negative and add up to 0; set normalize: false with outputNorm: 'rms', or take one of ${fitting}`,
  };
}

function unreadOfMap(config: Settings): SettingIssue | undefined {
  const map = featureMaps[config.featureMap];
  const because = `featureMap: '${config.featureMap}'`;
  return (
    (config.featureMap === 'favor' ? undefined : unread(config, because, { features: undefined })) ??
    (config.featureMap === 'dpfp' ? undefined : unread(config, because, { shifts: 4 })) ??
    (map.params ? undefined : unread(config, because, { tiedFeatureMaps: false })) ??
    (config.outputNorm === 'rms'
      ? undefined
      : unread(config, "outputNorm: 'none'", { normWeight: true, normEps: 1e-5 }))
  );
}

/**
 * Kernel attention: softmax's weight exp(q · k) is replaced by φ(q) · φ(k), so that keys and values can be summed up.
 *
 * S_t = S_{t−1} + φ(k_t)ᵀ v_t; z_t = z_{t−1} + φ(k_t); o_t = φ(q_t) S_t / (φ(q_t) · z_t + ε), or without a denominator φ(q_t) S_t / √K′ (row
 * vectors, S is [K′, V], K′ features).
 * @see Katharopoulos et al. 2020, arXiv:2006.16236 (elu); Choromanski et al. 2020, arXiv:2009.14794 (favor); Arora et al. 2024,
 * arXiv:2402.18668 (taylor); Zhang et al. 2024, arXiv:2402.04347 (hedgehog); Kasai et al. 2021, arXiv:2103.13076 (t2r); Schlag et
 * al. 2021, arXiv:2102.11174 (dpfp).
 */
export const kernelAttention: MixerFactory<KernelAttentionConfig, KernelAttentionParams, KernelAttentionState> =
  recurrentMixer<KernelAttentionConfig, KernelAttentionParams, KernelAttentionState>({
    name: '@tessera/attention-linear:kernel-attention',
    config: checked(
      fields<KernelAttentionConfig>({
        heads: int({ min: 1 }),
        kvHeads: optional(int({ min: 1 })),
        keyDim: int({ min: 1 }),
        valueDim: int({ min: 1 }),
        featureMap: oneOf(featureMapNames, { default: 'elu' }),
        features: optional(int({ min: 1 })),
        shifts: int({ min: 1, default: 4 }),
        tiedFeatureMaps: bool({ default: false }),
        queriesOverSum: bool({ default: false }),
        keysOverSum: bool({ default: false }),
        normalize: bool({ default: true }),
        outputNorm: oneOf(['none', 'rms'], { default: 'none' }),
        normWeight: bool({ default: true }),
        normEps: number({ min: 0, default: 1e-5 }),
      }),
      (config) => checkMap(config) ?? sharedEvenly(config, 'kvHeads', 'heads') ?? unreadOfMap(config),
    ),
    params({ config, dModel: D }) {
      const { heads: H, keyDim: K, valueDim: V } = config;
      const P = kvHeadsOf(config);
      return {
        q_proj: linearWeight(H * K, D),
        k_proj: linearWeight(P * K, D),
        v_proj: linearWeight(P * V, D),
        o_proj: linearWeight(D, H * V),
        ...(config.outputNorm === 'rms' && config.normWeight && { o_norm: { shape: [V], init: constant(1) } }),
        ...featureSpecs(config),
      };
    },
    state: ({ config }) => ({
      S: [
        config.heads,
        featureMaps[config.featureMap].size(featureSizes(config)),
        config.valueDim + (config.normalize ? 1 : 0),
      ],
    }),
    run,
  });
