import type { ActivationName } from '@tessera/ops';
import { activationNames, linear, softplus } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { bias, bool, constant, fields, int, linearWeight, number, oneOf, optional } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, exp, expandDims, mul, neg, reshape, sigmoid } from '@tessera/tensor-core';
import { checked, sharedEvenly, unreadTaps } from '../layer/checked.ts';
import { convolveStreams } from '../layer/convolve-streams.ts';
import { decayRates, decaySteps } from '../layer/decay-parameters.ts';
import { headOutput } from '../layer/head-output.ts';
import { recurrence } from '../layer/recurrence.ts';
import type { RecurrentCall, RecurrentResult } from '../layer/recurrent-mixer.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';
import type { TapParams } from '../layer/tap-parameters.ts';
import { historyRows, tapParams, tapsOf } from '../layer/tap-parameters.ts';

/** Settings of {@link kimiDeltaAttention}. */
export interface KimiDeltaAttentionConfig {
  /** Heads of queries and keys. */
  readonly keyHeads: number;
  /** Heads of values and decays, a multiple of `keyHeads`. @defaultValue keyHeads */
  readonly valueHeads?: number;
  /** K, elements of a query or key. */
  readonly keyDim: number;
  /** V, elements of a value. */
  readonly valueDim: number;
  /** Rank of the maps of decay and output gate. @defaultValue valueDim */
  readonly gateRank?: number;
  /** The map of the output gate ends with a bias. @defaultValue false */
  readonly gateBias?: boolean;
  /** Log decays lie between this and 0, as a sigmoid. Absent: as a softplus below 0. */
  readonly decayFloor?: number;
  /** J, taps of the convolutions over queries, keys and values; 0: none. @defaultValue 4 */
  readonly convolution?: number;
  /** The convolutions have biases. @defaultValue false */
  readonly convolutionBias?: boolean;
  /** After the convolutions, or where they would be. @defaultValue 'silu' */
  readonly convolutionActivation?: ActivationName;
  /** β in (0, 2) instead of (0, 1), so that the state may flip sign along a key. @defaultValue false */
  readonly negativeEigenvalues?: boolean;
  /** Of the norm of the output. @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** Learned tensors of {@link kimiDeltaAttention}. P key heads, H value heads, rank R. */
export interface KimiDeltaAttentionParams extends TapParams {
  /** `[P · K, D]` */
  readonly q_proj: Tensor;
  /** `[P · K, D]` */
  readonly k_proj: Tensor;
  /** `[H · V, D]` */
  readonly v_proj: Tensor;
  /** `[R, D]`: the step of the decay, first map. */
  readonly f_a_proj: Tensor;
  /** `[H · K, R]`: second map. */
  readonly f_b_proj: Tensor;
  /** `[H, D]`: the writing strength. */
  readonly b_proj: Tensor;
  /** `[R, D]`: the output gate, first map. */
  readonly g_a_proj: Tensor;
  /** `[H · V, R]`: second map. */
  readonly g_b_proj: Tensor;
  /** `[H · V]` */
  readonly g_bias?: Tensor;
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** `[H]` */
  readonly A_log: Tensor;
  /** `[H · K]` */
  readonly dt_bias: Tensor;
  /** `[V]` */
  readonly o_norm: Tensor;
}

/** State of {@link kimiDeltaAttention}: constant in the number of positions. */
export interface KimiDeltaAttentionState {
  /** The last J − 1 inputs of the convolutions, `[B, J − 1, 2 P · K + H · V]`. */
  readonly conv: Tensor;
  /** `[B, H, K, V]`, f32. */
  readonly S: Tensor;
}

type Call = RecurrentCall<KimiDeltaAttentionConfig, KimiDeltaAttentionParams>;

interface Sizes {
  readonly P: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
  readonly R: number;
}

function sizesOf(config: Required<KimiDeltaAttentionConfig>): Sizes {
  const { keyHeads: P, valueHeads, keyDim: K, valueDim: V, gateRank } = config;
  return { P, H: (valueHeads as number | undefined) ?? P, K, V, R: (gateRank as number | undefined) ?? V };
}

/** Log decays of each element of a key, `[B, n, H, K]`. */
function decay({ params: p, config, x }: Call, { H, K }: Sizes): Tensor {
  const [B, n] = x.shape as [number, number];
  const step = add(linear(linear(x, p.f_a_proj), p.f_b_proj), p.dt_bias);
  const byHead = reshape(step, [B, n, H, K]);
  const rate = expandDims(exp(p.A_log), 1);
  const floor = config.decayFloor as number | undefined;
  return floor === undefined ? neg(mul(rate, softplus(byHead))) : mul(sigmoid(mul(rate, byHead)), floor);
}

function run(call: Call, state: KimiDeltaAttentionState): RecurrentResult<KimiDeltaAttentionState> {
  const { params: p, config, x, entries } = call;
  const sizes = sizesOf(config);
  const { P, H, K } = sizes;
  const activation = config.convolutionActivation;
  const {
    y: [q, k, v],
    history,
  } = convolveStreams(
    [
      { x: linear(x, p.q_proj), heads: P, activation, normalize: { scale: K ** -0.5, eps: 1e-6 } },
      { x: linear(x, p.k_proj), heads: P, activation, normalize: { scale: 1, eps: 1e-6 } },
      { x: linear(x, p.v_proj), heads: H, activation },
    ],
    tapsOf(p),
    state.conv,
    entries,
  );
  const beta = mul(sigmoid(linear(x, p.b_proj)), config.negativeEigenvalues ? 2 : 1);
  const { o, S } = recurrence({ q: q!, k: k!, v: v!, g: decay(call, sizes), beta, S: state.S }, entries);
  const gate = { x: linear(linear(x, p.g_a_proj), p.g_b_proj, p.g_bias), activation: 'sigmoid' } as const;
  const norm = { weight: p.o_norm, eps: config.normEps };
  return { y: headOutput(o, { o_proj: p.o_proj, norm, gate }), state: { conv: history, S } };
}

/**
 * Kimi Delta Attention (KDA): Gated DeltaNet with a decay for each element of a key.
 *
 * S̃ = diag(e^{g_t}) S_{t−1}; S_t = S̃ + β_t k_tᵀ (v_t − k_t S̃); o_t = q_t S_t / √K (row vectors, S is [K, V]); q, k and v pass a short
 * convolution, q and k have length 1, g_t = −e^A softplus(x W_f + b) with a W_f of low rank, and the output is normalised and gated by
 * a sigmoid.
 * @see Kimi Team 2025, "Kimi Linear", arXiv:2510.26692.
 */
export const kimiDeltaAttention: MixerFactory<
  KimiDeltaAttentionConfig,
  KimiDeltaAttentionParams,
  KimiDeltaAttentionState
> = recurrentMixer<KimiDeltaAttentionConfig, KimiDeltaAttentionParams, KimiDeltaAttentionState>({
  name: '@tessera/attention-linear:kimi-delta-attention',
  config: checked(
    fields<KimiDeltaAttentionConfig>({
      keyHeads: int({ min: 1 }),
      valueHeads: optional(int({ min: 1 })),
      keyDim: int({ min: 1 }),
      valueDim: int({ min: 1 }),
      gateRank: optional(int({ min: 1 })),
      gateBias: bool({ default: false }),
      decayFloor: optional(number({ max: 0 })),
      convolution: int({ min: 0, default: 4 }),
      convolutionBias: bool({ default: false }),
      convolutionActivation: oneOf(activationNames, { default: 'silu' }),
      negativeEigenvalues: bool({ default: false }),
      normEps: number({ min: 0, default: 1e-5 }),
    }),
    (config) => sharedEvenly(config, 'keyHeads', 'valueHeads') ?? unreadTaps(config),
  ),
  params({ config, dModel: D }) {
    const { P, H, K, V, R } = sizesOf(config);
    return {
      q_proj: linearWeight(P * K, D),
      k_proj: linearWeight(P * K, D),
      v_proj: linearWeight(H * V, D),
      f_a_proj: linearWeight(R, D),
      f_b_proj: linearWeight(H * K, R),
      b_proj: linearWeight(H, D),
      g_a_proj: linearWeight(R, D),
      g_b_proj: linearWeight(H * V, R),
      ...(config.gateBias && { g_bias: bias(H * V) }),
      o_proj: linearWeight(D, H * V),
      ...tapParams(2 * P * K + H * V, config),
      A_log: decayRates(H, 1),
      dt_bias: decaySteps(H * K),
      o_norm: { shape: [V], init: constant(1) },
    };
  },
  state({ config }) {
    const { P, H, K, V } = sizesOf(config);
    return { conv: [historyRows(config.convolution), 2 * P * K + H * V], S: [H, K, V] };
  },
  run,
});
