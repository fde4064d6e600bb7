import type { ActivationName } from '@tessera/ops';
import { activationNames, linear, softplus } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { bool, constant, fields, int, linearWeight, number, oneOf, optional } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, exp, mul, neg, sigmoid } from '@tessera/tensor-core';
import { checked, sharedEvenly, unreadTaps } from '../layer/checked.ts';
import { convolveStreams } from '../layer/convolve-streams.ts';
import { decayRates, decaySteps } from '../layer/decay-parameters.ts';
import { headOutput } from '../layer/head-output.ts';
import { recurrence } from '../layer/recurrence.ts';
import type { RecurrentCall, RecurrentResult } from '../layer/recurrent-mixer.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';
import type { TapParams } from '../layer/tap-parameters.ts';
import { historyRows, tapParams, tapsOf } from '../layer/tap-parameters.ts';

/** Settings of {@link gatedDeltaNet}. */
export interface GatedDeltaNetConfig {
  /** Heads of queries and keys. */
  readonly keyHeads: number;
  /** Heads of values, a multiple of `keyHeads`. @defaultValue keyHeads */
  readonly valueHeads?: number;
  /** K, elements of a query or key. */
  readonly keyDim: number;
  /** V, elements of a value. */
  readonly valueDim: number;
  /** J, taps of the convolutions over queries, keys and values; 0: none. @defaultValue 4 */
  readonly convolution?: number;
  /** The convolutions have biases. @defaultValue false */
  readonly convolutionBias?: boolean;
  /** After the convolutions, or where they would be. @defaultValue 'silu' */
  readonly convolutionActivation?: ActivationName;
  /** β in (0, 2) instead of (0, 1), so that the state may flip sign along a key. @defaultValue false */
  readonly negativeEigenvalues?: boolean;
  /** Whether the output is gated. @defaultValue true */
  readonly outputGate?: boolean;
  /** Of the norm of the output. @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** Learned tensors of {@link gatedDeltaNet}. P key heads, H value heads. */
export interface GatedDeltaNetParams extends TapParams {
  /** `[P · K, D]` */
  readonly q_proj: Tensor;
  /** `[P · K, D]` */
  readonly k_proj: Tensor;
  /** `[H · V, D]` */
  readonly v_proj: Tensor;
  /** `[H, D]`: the step of the decay. */
  readonly a_proj: Tensor;
  /** `[H, D]`: the writing strength. */
  readonly b_proj: Tensor;
  /** `[H · V, D]`: the output gate. */
  readonly g_proj?: Tensor;
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** `[H]` */
  readonly A_log: Tensor;
  /** `[H]` */
  readonly dt_bias: Tensor;
  /** `[V]` */
  readonly o_norm: Tensor;
}

/** State of {@link gatedDeltaNet}: constant in the number of positions. */
export interface GatedDeltaNetState {
  /** The last J − 1 inputs of the convolutions, `[B, J − 1, 2 P · K + H · V]`. */
  readonly conv: Tensor;
  /** `[B, H, K, V]`, f32. */
  readonly S: Tensor;
}

interface Sizes {
  readonly P: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
}

function sizesOf({ keyHeads: P, valueHeads, keyDim: K, valueDim: V }: Required<GatedDeltaNetConfig>): Sizes {
  return { P, H: (valueHeads as number | undefined) ?? P, K, V };
}

function run(
  { params: p, config, x, entries }: RecurrentCall<GatedDeltaNetConfig, GatedDeltaNetParams>,
  state: GatedDeltaNetState,
): RecurrentResult<GatedDeltaNetState> {
  const { P, H, K } = sizesOf(config);
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
  const g = neg(mul(exp(p.A_log), softplus(add(linear(x, p.a_proj), p.dt_bias))));
  const { o, S } = recurrence({ q: q!, k: k!, v: v!, g, beta, S: state.S }, entries);
  const gate = p.g_proj && ({ x: linear(x, p.g_proj), activation: 'silu' } as const);
  const norm = { weight: p.o_norm, eps: config.normEps };
  return { y: headOutput(o, { o_proj: p.o_proj, norm, gate }), state: { conv: history, S } };
}

/**
 * Gated DeltaNet: a linear attention whose memory decays and is corrected rather than only added to.
 *
 * S̃ = e^{g_t} S_{t−1}; S_t = S̃ + β_t k_tᵀ (v_t − k_t S̃); o_t = q_t S_t (row vectors, S is [K, V]); q, k and v pass a short
 * convolution, q and k are L2-normalised, g_t = −e^A softplus(x W_a + b), and the output is normalised and gated.
 * @see Yang et al. 2024, arXiv:2412.06464; negative eigenvalues: Grazzi et al. 2024, arXiv:2411.12537.
 */
export const gatedDeltaNet: MixerFactory<GatedDeltaNetConfig, GatedDeltaNetParams, GatedDeltaNetState> = recurrentMixer<
  GatedDeltaNetConfig,
  GatedDeltaNetParams,
  GatedDeltaNetState
>({
  name: '@tessera/attention-linear:gated-delta-net',
  config: checked(
    fields<GatedDeltaNetConfig>({
      keyHeads: int({ min: 1 }),
      valueHeads: optional(int({ min: 1 })),
      keyDim: int({ min: 1 }),
      valueDim: int({ min: 1 }),
      convolution: int({ min: 0, default: 4 }),
      convolutionBias: bool({ default: false }),
      convolutionActivation: oneOf(activationNames, { default: 'silu' }),
      negativeEigenvalues: bool({ default: false }),
      outputGate: bool({ default: true }),
      normEps: number({ min: 0, default: 1e-5 }),
    }),
    (config) => sharedEvenly(config, 'keyHeads', 'valueHeads') ?? unreadTaps(config),
  ),
  params({ config, dModel: D }) {
    const { P, H, K, V } = sizesOf(config);
    return {
      q_proj: linearWeight(P * K, D),
      k_proj: linearWeight(P * K, D),
      v_proj: linearWeight(H * V, D),
      a_proj: linearWeight(H, D),
      b_proj: linearWeight(H, D),
      ...(config.outputGate && { g_proj: linearWeight(H * V, D) }),
      o_proj: linearWeight(D, H * V),
      ...tapParams(2 * P * K + H * V, config),
      A_log: decayRates(H, 0),
      dt_bias: decaySteps(H),
      o_norm: { shape: [V], init: constant(1) },
    };
  },
  state({ config }) {
    const { P, H, K, V } = sizesOf(config);
    return { conv: [historyRows(config.convolution), 2 * P * K + H * V], S: [H, K, V] };
  },
  run,
});
