import { deltaProduct, linear, softplus } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { bool, constant, fields, int, linearWeight, number, optional, zeroInvalid } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { add, exp, mul, neg, reshape, sigmoid } from '@tessera/tensor-core';
import { checked, sharedEvenly, unreadTaps } from '../layer/checked.ts';
import { convolveStreams } from '../layer/convolve-streams.ts';
import { decayRates, decaySteps } from '../layer/decay-parameters.ts';
import { headOutput } from '../layer/head-output.ts';
import { formOf, resetAt } from '../layer/recurrence.ts';
import type { RecurrentCall, RecurrentResult } from '../layer/recurrent-mixer.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';
import type { TapParams } from '../layer/tap-parameters.ts';
import { historyRows, tapParams, tapsOf } from '../layer/tap-parameters.ts';
import { treeOfSteps } from './tree-of-steps.ts';

/** Settings of {@link gatedDeltaProduct}. */
export interface GatedDeltaProductConfig {
  /** Heads of queries and keys. */
  readonly keyHeads: number;
  /** Heads of values, a multiple of `keyHeads`. @defaultValue keyHeads */
  readonly valueHeads?: number;
  /** K, elements of a query or key. */
  readonly keyDim: number;
  /** V, elements of a value. */
  readonly valueDim: number;
  /** N, steps of the delta rule for each position. @defaultValue 2 */
  readonly householders?: number;
  /** Whether the state decays. @defaultValue true */
  readonly forgetGate?: boolean;
  /** J, taps of the convolutions over queries, keys and values; 0: none. @defaultValue 4 */
  readonly convolution?: number;
  /** The convolutions have biases. @defaultValue false */
  readonly convolutionBias?: boolean;
  /** β in (0, 2) instead of (0, 1): reflections instead of projections. @defaultValue true */
  readonly negativeEigenvalues?: boolean;
  /** Whether the output is gated. @defaultValue true */
  readonly outputGate?: boolean;
  /** Of the norm of the output. @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** Learned tensors of {@link gatedDeltaProduct}. P key heads, H value heads; what has N parts holds all heads of the first step first. */
export interface GatedDeltaProductParams extends TapParams {
  /** `[P · K, D]` */
  readonly q_proj: Tensor;
  /** `[N · P · K, D]` */
  readonly k_proj: Tensor;
  /** `[N · H · V, D]` */
  readonly v_proj: Tensor;
  /** `[N · H, D]`: the writing strengths. */
  readonly b_proj: Tensor;
  /** `[H, D]`: the step of the decay. */
  readonly a_proj?: Tensor;
  /** `[H · V, D]`: the output gate. */
  readonly g_proj?: Tensor;
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** `[H]` */
  readonly A_log?: Tensor;
  /** `[H]` */
  readonly dt_bias?: Tensor;
  /** `[V]` */
  readonly o_norm: Tensor;
}

/** State of {@link gatedDeltaProduct}: constant in the number of positions. */
export interface GatedDeltaProductState {
  /** The last J − 1 inputs of the convolutions, `[B, J − 1, (1 + N) P · K + N · H · V]`. */
  readonly conv: Tensor;
  /** `[B, H, K, V]`, f32. */
  readonly S: Tensor;
}

type Call = RecurrentCall<GatedDeltaProductConfig, GatedDeltaProductParams>;

interface Sizes {
  readonly P: number;
  readonly H: number;
  readonly K: number;
  readonly V: number;
  readonly N: number;
}

function sizesOf(config: Required<GatedDeltaProductConfig>): Sizes {
  const { keyHeads: P, valueHeads, keyDim: K, valueDim: V, householders: N } = config;
  return { P, H: (valueHeads as number | undefined) ?? P, K, V, N };
}

/** Decay before the steps of each position, and at the start of a document. */
function decay({ params: p, x, entries }: Call, H: number): Tensor | undefined {
  const [B, n] = x.shape as [number, number, number];
  const g = p.a_proj && neg(mul(exp(p.A_log!), softplus(add(linear(x, p.a_proj), p.dt_bias!))));
  return resetAt(g && zeroInvalid(g, entries.valid), entries.documents?.begins, [B, n, H]);
}

function run(call: Call, state: GatedDeltaProductState): RecurrentResult<GatedDeltaProductState> {
  const { params: p, config, x, entries } = call;
  const { P, H, K, V, N } = sizesOf(config);
  const [B, n] = x.shape as [number, number, number];
  const {
    y: [q, k, v],
    history,
  } = convolveStreams(
    [
      { x: linear(x, p.q_proj), heads: P, activation: 'silu', normalize: { scale: K ** -0.5, eps: 1e-6 } },
      { x: linear(x, p.k_proj), heads: N * P, activation: 'silu', normalize: { scale: 1, eps: 1e-6 } },
      { x: linear(x, p.v_proj), heads: N * H, activation: 'silu' },
    ],
    tapsOf(p),
    state.conv,
    entries,
  );
  const strength = mul(sigmoid(linear(x, p.b_proj)), config.negativeEigenvalues ? 2 : 1);
  const steps = {
    q: q!,
    k: reshape(k!, [B, n, N, P, K]),
    v: reshape(v!, [B, n, N, H, V]),
    beta: reshape(zeroInvalid(strength, entries.valid), [B, n, N, H]),
    g: decay(call, H),
    S: state.S,
  };
  const { o, S } = deltaProduct(entries.parents ? treeOfSteps(entries.parents, N) : formOf(n * N), steps);
  const gate = p.g_proj && ({ x: linear(x, p.g_proj), activation: 'silu' } as const);
  const norm = { weight: p.o_norm, eps: config.normEps };
  return { y: headOutput(o, { o_proj: p.o_proj, norm, gate }), state: { conv: history, S } };
}

/**
 * Gated DeltaProduct: several steps of the delta rule for each position, so that the state is multiplied by a product of N
 * Householder matrices.
 *
 * S_{t,0} = e^{g_t} S_{t−1}; S_{t,j} = S_{t,j−1} + β_{tj} k_{tj}ᵀ (v_{tj} − k_{tj} S_{t,j−1}), j = 1 … N; S_t = S_{t,N}; o_t = q_t S_t / √K (row
 * vectors, S is [K, V]); the rest is as in Gated DeltaNet.
 * @see Siems et al. 2025, arXiv:2502.10297.
 */
export const gatedDeltaProduct: MixerFactory<GatedDeltaProductConfig, GatedDeltaProductParams, GatedDeltaProductState> =
  recurrentMixer<GatedDeltaProductConfig, GatedDeltaProductParams, GatedDeltaProductState>({
    name: '@tessera/attention-linear:gated-delta-product',
    config: checked(
      fields<GatedDeltaProductConfig>({
        keyHeads: int({ min: 1 }),
        valueHeads: optional(int({ min: 1 })),
        keyDim: int({ min: 1 }),
        valueDim: int({ min: 1 }),
        householders: int({ min: 1, default: 2 }),
        forgetGate: bool({ default: true }),
        convolution: int({ min: 0, default: 4 }),
        convolutionBias: bool({ default: false }),
        negativeEigenvalues: bool({ default: true }),
        outputGate: bool({ default: true }),
        normEps: number({ min: 0, default: 1e-5 }),
      }),
      (config) => sharedEvenly(config, 'keyHeads', 'valueHeads') ?? unreadTaps(config),
    ),
    params({ config, dModel: D }) {
      const { P, H, K, V, N } = sizesOf(config);
      return {
        q_proj: linearWeight(P * K, D),
        k_proj: linearWeight(N * P * K, D),
        v_proj: linearWeight(N * H * V, D),
        b_proj: linearWeight(N * H, D),
        ...(config.forgetGate && { a_proj: linearWeight(H, D), A_log: decayRates(H, 0), dt_bias: decaySteps(H) }),
        ...(config.outputGate && { g_proj: linearWeight(H * V, D) }),
        o_proj: linearWeight(D, H * V),
        ...tapParams((1 + N) * P * K + N * H * V, config),
        o_norm: { shape: [V], init: constant(1) },
      };
    },
    state({ config }) {
      const { P, H, K, V, N } = sizesOf(config);
      return { conv: [historyRows(config.convolution), (1 + N) * P * K + N * H * V], S: [H, K, V] };
    },
    run,
  });
