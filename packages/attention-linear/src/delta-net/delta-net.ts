import type { ActivationName } from '@tessera/ops';
import { l2Normalize, linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { bool, constant, fields, int, linearWeight, number, oneOf } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { mul, ones, sigmoid } from '@tessera/tensor-core';
import { checked, unreadTaps } from '../layer/checked.ts';
import type { Stream } from '../layer/convolve-streams.ts';
import { convolveStreams } from '../layer/convolve-streams.ts';
import { eluPlusOne } from '../layer/elu-plus-one.ts';
import { headOutput } from '../layer/head-output.ts';
import { recurrence } from '../layer/recurrence.ts';
import type { RecurrentCall, RecurrentResult } from '../layer/recurrent-mixer.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';
import { sumToOne } from '../layer/sum-to-one.ts';
import type { TapParams } from '../layer/tap-parameters.ts';
import { historyRows, tapParams, tapsOf } from '../layer/tap-parameters.ts';

/** What queries and keys of {@link deltaNet} go through: one of these, or elu(x) + 1. */
export type DeltaNetActivation = 'silu' | 'relu' | 'identity' | 'elu+1';

/** Settings of {@link deltaNet}. */
export interface DeltaNetConfig {
  /** H */
  readonly heads: number;
  /** K, elements of a query or key. */
  readonly keyDim: number;
  /** V, elements of a value. */
  readonly valueDim: number;
  /** J, taps of the convolutions over queries, keys and values; 0: none. @defaultValue 4 */
  readonly convolution?: number;
  /** The convolutions have biases. @defaultValue false */
  readonly convolutionBias?: boolean;
  /** Of queries and keys, after the convolutions. Values always go through silu. @defaultValue 'silu' */
  readonly keyActivation?: DeltaNetActivation;
  /** What queries and keys are divided by: their length, or the sum of their elements. @defaultValue 'l2' */
  readonly keyNorm?: 'l2' | 'sum';
  /** Whether the writing strength β is learned; else it is 1. @defaultValue true */
  readonly learnedStrength?: boolean;
  /** β in (0, 2) instead of (0, 1), so that the state may flip sign along a key. @defaultValue false */
  readonly negativeEigenvalues?: boolean;
  /** Whether the output is gated. @defaultValue false */
  readonly outputGate?: boolean;
  /** Of the norm of the output. @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** Learned tensors of {@link deltaNet}. */
export interface DeltaNetParams extends TapParams {
  /** `[H · K, D]` */
  readonly q_proj: Tensor;
  /** `[H · K, D]` */
  readonly k_proj: Tensor;
  /** `[H · V, D]` */
  readonly v_proj: Tensor;
  /** `[H, D]`: the writing strength. */
  readonly b_proj?: Tensor;
  /** `[H · V, D]`: the output gate. */
  readonly g_proj?: Tensor;
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** `[V]` */
  readonly o_norm: Tensor;
}

/** State of {@link deltaNet}: constant in the number of positions. */
export interface DeltaNetState {
  /** The last J − 1 inputs of the convolutions, `[B, J − 1, H (2 K + V)]`. */
  readonly conv: Tensor;
  /** `[B, H, K, V]`, f32. */
  readonly S: Tensor;
}

function keyStream(x: Tensor, { heads, keyActivation, keyNorm }: Required<DeltaNetConfig>, scale: number): Stream {
  return {
    x,
    heads,
    activation: keyActivation === 'elu+1' ? 'identity' : (keyActivation satisfies ActivationName),
    ...(keyNorm === 'l2' && keyActivation !== 'elu+1' && { normalize: { scale, eps: 1e-6 } }),
  };
}

/** What the convolutions leave to do on queries and keys. */
function finishKeys(x: Tensor, { keyActivation, keyNorm }: Required<DeltaNetConfig>, scale: number): Tensor {
  const positive = keyActivation === 'elu+1';
  const activated = positive ? eluPlusOne(x) : x;
  if (keyNorm === 'sum') return mul(sumToOne(activated), scale);
  return positive ? mul(l2Normalize(activated), scale) : x;
}

function run(
  { params: p, config, x, entries }: RecurrentCall<DeltaNetConfig, DeltaNetParams>,
  state: DeltaNetState,
): RecurrentResult<DeltaNetState> {
  const { heads: H, keyDim: K } = config;
  const [B, n] = x.shape as [number, number, number];
  const {
    y: [q, k, v],
    history,
  } = convolveStreams(
    [
      keyStream(linear(x, p.q_proj), config, K ** -0.5),
      keyStream(linear(x, p.k_proj), config, 1),
      { x: linear(x, p.v_proj), heads: H, activation: 'silu' },
    ],
    tapsOf(p),
    state.conv,
    entries,
  );
  const strength = p.b_proj ? sigmoid(linear(x, p.b_proj)) : ones([B, n, H]);
  const { o, S } = recurrence(
    {
      q: finishKeys(q!, config, K ** -0.5),
      k: finishKeys(k!, config, 1),
      v: v!,
      beta: mul(strength, config.negativeEigenvalues ? 2 : 1),
      S: state.S,
    },
    entries,
  );
  const gate = p.g_proj && ({ x: linear(x, p.g_proj), activation: 'silu' } as const);
  const norm = { weight: p.o_norm, eps: config.normEps };
  return { y: headOutput(o, { o_proj: p.o_proj, norm, gate }), state: { conv: history, S } };
}

/**
 * DeltaNet: a linear attention whose memory is corrected rather than only added to.
 *
 * S_t = S_{t−1} + β_t k_tᵀ (v_t − k_t S_{t−1}); o_t = q_t S_t / √K (row vectors, S is [K, V]); q, k and v pass a short convolution,
 * q and k have length 1, β_t = σ(x W_b), and the output is normalised.
 * @see Yang et al. 2024, arXiv:2406.06484; Schlag et al. 2021, arXiv:2102.11174; negative eigenvalues: Grazzi et al. 2024,
 * arXiv:2411.12537.
 */
export const deltaNet: MixerFactory<DeltaNetConfig, DeltaNetParams, DeltaNetState> = recurrentMixer<
  DeltaNetConfig,
  DeltaNetParams,
  DeltaNetState
>({
  name: '@tessera/attention-linear:delta-net',
  config: checked(
    fields<DeltaNetConfig>({
      heads: int({ min: 1 }),
      keyDim: int({ min: 1 }),
      valueDim: int({ min: 1 }),
      convolution: int({ min: 0, default: 4 }),
      convolutionBias: bool({ default: false }),
      keyActivation: oneOf(['silu', 'relu', 'identity', 'elu+1'], { default: 'silu' }),
      keyNorm: oneOf(['l2', 'sum'], { default: 'l2' }),
      learnedStrength: bool({ default: true }),
      negativeEigenvalues: bool({ default: false }),
      outputGate: bool({ default: false }),
      normEps: number({ min: 0, default: 1e-5 }),
    }),
    unreadTaps,
  ),
  params: ({ config, dModel: D }) => {
    const { heads: H, keyDim: K, valueDim: V } = config;
    return {
      q_proj: linearWeight(H * K, D),
      k_proj: linearWeight(H * K, D),
      v_proj: linearWeight(H * V, D),
      ...(config.learnedStrength && { b_proj: linearWeight(H, D) }),
      ...(config.outputGate && { g_proj: linearWeight(H * V, D) }),
      o_proj: linearWeight(D, H * V),
      ...tapParams(H * (2 * K + V), config),
      o_norm: { shape: [V], init: constant(1) },
    };
  },
  state: ({ config: { heads: H, keyDim: K, valueDim: V, convolution } }) => ({
    conv: [historyRows(convolution), H * (2 * K + V)],
    S: [H, K, V],
  }),
  run,
});
