import type { ActivationName } from '@tessera/ops';
import {
  activationNames,
  linearAttentionChunked,
  linearAttentionRecurrent,
  gatedRmsNorm,
  linear,
  shortConvolutions,
  softplus,
} from '@tessera/ops';
import type { Call, MixerFactory } from '@tessera/plugin';
import {
  bool,
  constant,
  defineMixer,
  fields,
  int,
  linearWeight,
  normal,
  number,
  oneOf,
  optional,
  refuseSegments,
  zeroInvalid,
} from '@tessera/plugin';
import { InvalidSpecError, add, exp, mul, neg, reshape, sigmoid, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { alignEntries } from '../align-entries.ts';

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
  /** J, taps of the convolutions over queries, keys and values. @defaultValue 4 */
  readonly convolution?: number;
  /** After the convolutions. @defaultValue 'silu' */
  readonly convolutionActivation?: ActivationName;
  /** β in (0, 2) instead of (0, 1), so that the state may flip sign along a key. @defaultValue false */
  readonly negativeEigenvalues?: boolean;
  /** Of the norm of the output. @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** Learned tensors of {@link gatedDeltaNet}. P key heads, H value heads. */
export interface GatedDeltaNetParams {
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
  readonly g_proj: Tensor;
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** `[2 P · K + H · V, J]`: over queries, keys and values. */
  readonly conv: Tensor;
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
  readonly J: number;
}

function sizesOf({
  keyHeads: P,
  valueHeads,
  keyDim: K,
  valueDim: V,
  convolution: J,
}: Required<GatedDeltaNetConfig>): Sizes {
  const H = (valueHeads as number | undefined) ?? P;
  if (H % P !== 0)
    throw new InvalidSpecError(
      `gated-delta-net: valueHeads is ${H}, expected a multiple of keyHeads = ${P}, since value heads share key heads evenly.`,
      { facts: { keyHeads: P, valueHeads: H } },
    );
  return { P, H, K, V, J };
}

const name = '@tessera/attention-linear:gated-delta-net';

/** Up to here one entry after another is less work than products of matrices over a chunk. */
const longestStepByRecurrence = 16;

/** One call over rows that go on from a state. */
function run(
  call: Call<GatedDeltaNetConfig, GatedDeltaNetParams>,
  state: GatedDeltaNetState,
): { y: Tensor; state: GatedDeltaNetState } {
  refuseSegments(name, call);
  const { params: p, config, lengths } = call;
  const { P, H, K, V } = sizesOf(config);
  const [B, n] = call.x.shape as [number, number, number];
  const rows = alignEntries(call, n);
  const x = rows.align(call.x);
  const unit = { eps: 1e-6 };
  const {
    y: [q, k, v],
    history,
  } = shortConvolutions({
    x: [linear(x, p.q_proj), linear(x, p.k_proj), linear(x, p.v_proj)],
    weight: p.conv,
    history: state.conv,
    lengths,
    activation: config.convolutionActivation,
    streams: [
      { heads: P, normalize: { scale: K ** -0.5, ...unit } },
      { heads: P, normalize: { scale: 1, ...unit } },
      { heads: H },
    ],
  });
  const beta = mul(sigmoid(linear(x, p.b_proj)), config.negativeEigenvalues ? 2 : 1);
  const g = neg(mul(exp(p.A_log), softplus(add(linear(x, p.a_proj), p.dt_bias))));
  const rule = n <= longestStepByRecurrence ? linearAttentionRecurrent : linearAttentionChunked;
  const { o, S } = rule({
    q: q!,
    k: k!,
    v: v!,
    // Decay 1 and strength 0 leave the state alone.
    g: zeroInvalid(g, rows.valid),
    beta: zeroInvalid(beta, rows.valid),
    S: state.S,
  });
  const gate = reshape(linear(x, p.g_proj), [B, n, H, V]);
  const gated = gatedRmsNorm(o, p.o_norm, gate, { eps: config.normEps });
  return { y: rows.restore(linear(reshape(gated, [B, n, H * V]), p.o_proj)), state: { conv: history, S } };
}

function emptyState(config: Required<GatedDeltaNetConfig>, batch: number): GatedDeltaNetState {
  const { P, H, K, V, J } = sizesOf(config);
  return { conv: zeros([batch, J - 1, 2 * P * K + H * V]), S: zeros([batch, H, K, V]) };
}

/**
 * Gated DeltaNet: a linear attention whose memory decays and is corrected rather than only added to.
 *
 * S̃ = e^{g_t} S_{t−1}; S_t = S̃ + β_t k_tᵀ (v_t − k_t S̃); o_t = q_t S_t (row vectors, S is [K, V]); q, k and v pass a short
 * convolution, q and k are L2-normalised, g_t = −e^A softplus(x W_a + b), and the output is normalised and gated.
 * @see Yang et al. 2024, arXiv:2412.06464; negative eigenvalues: Grazzi et al. 2024, arXiv:2411.12537.
 */
export const gatedDeltaNet: MixerFactory<GatedDeltaNetConfig, GatedDeltaNetParams, GatedDeltaNetState> = defineMixer({
  contract: 'sequence-mixer/1',
  name,
  config: fields<GatedDeltaNetConfig>({
    keyHeads: int({ min: 1 }),
    valueHeads: optional(int({ min: 1 })),
    keyDim: int({ min: 1 }),
    valueDim: int({ min: 1 }),
    convolution: int({ min: 1, default: 4 }),
    convolutionActivation: oneOf(activationNames, { default: 'silu' }),
    negativeEigenvalues: bool({ default: false }),
    normEps: number({ min: 0, default: 1e-5 }),
  }),
  params({ config, dModel: D }) {
    const { P, H, K, V, J } = sizesOf(config);
    return {
      q_proj: linearWeight(P * K, D),
      k_proj: linearWeight(P * K, D),
      v_proj: linearWeight(H * V, D),
      a_proj: linearWeight(H, D),
      b_proj: linearWeight(H, D),
      g_proj: linearWeight(H * V, D),
      o_proj: linearWeight(D, H * V),
      conv: { shape: [2 * P * K + H * V, J], init: normal(J ** -0.5), precise: true },
      // Decay rates spread over (0, 16) and steps log-uniform in [0.001, 0.1], as published.
      A_log: {
        shape: [H],
        init: { kind: 'custom', values: (uniform) => uniform.map((u) => Math.log(Math.max(16 * u, 1e-4))) },
      },
      dt_bias: {
        shape: [H],
        init: {
          kind: 'custom',
          values: (uniform) =>
            uniform.map((u) => {
              const dt = Math.max(1e-4, Math.exp(u * (Math.log(0.1) - Math.log(0.001)) + Math.log(0.001)));
              return dt + Math.log(-Math.expm1(-dt)); // inverse of softplus
            }),
        },
      },
      o_norm: { shape: [V], init: constant(1) },
    };
  },
  forward: (call) => ({ y: run(call, emptyState(call.config, call.x.shape[0]!)).y }),
  decoding: {
    memory({ config, batch }) {
      const { P, H, K, V, J } = sizesOf(config);
      return { growth: 'constant', bytes: 4 * batch * ((J - 1) * (2 * P * K + H * V) + H * K * V) };
    },
    init: ({ config, batch }) => emptyState(config, batch),
    step: (call) => run(call, call.state),
  },
});
