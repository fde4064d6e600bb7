import type { ActivationName } from '@tessera/ops';
import { activationNames, activations, linear, rmsNorm } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { constant, fields, int, linearWeight, list, number, oneOf } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { mul, reshape } from '@tessera/tensor-core';
import { checked } from '../layer/checked.ts';
import { constantDecay } from '../layer/constant-decay.ts';
import { recurrence } from '../layer/recurrence.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';

/** Settings of {@link lightningAttention}. */
export interface LightningAttentionConfig {
  /** H */
  readonly heads: number;
  /** K, elements of a query or key. */
  readonly keyDim: number;
  /** V, elements of a value. */
  readonly valueDim: number;
  /** s_h, how fast each head forgets, from 0 on: see {@link lightningSlopes}. */
  readonly slopes: readonly number[];
  /** Of queries, keys and values. @defaultValue 'silu' */
  readonly activation?: ActivationName;
  /** Of the output gate. @defaultValue 'sigmoid' */
  readonly gateActivation?: ActivationName;
  /** Of the norm of the output. @defaultValue 1e-5 */
  readonly normEps?: number;
}

/** Learned tensors of {@link lightningAttention}. */
export interface LightningAttentionParams {
  /** `[H · K, D]` */
  readonly q_proj: Tensor;
  /** `[H · K, D]` */
  readonly k_proj: Tensor;
  /** `[H · V, D]` */
  readonly v_proj: Tensor;
  /** `[H · V, D]`: the output gate. */
  readonly g_proj: Tensor;
  /** `[D, H · V]` */
  readonly o_proj: Tensor;
  /** `[H · V]`: over all heads together. */
  readonly o_norm: Tensor;
}

/** State of {@link lightningAttention}: constant in the number of positions. */
export interface LightningAttentionState {
  /** `[B, H, K, V]`, f32. */
  readonly S: Tensor;
}

/**
 * Published slopes of a layer, s_h = 2^{−8 (h + 1) / H} · (1 − ℓ / (L − 1 + 1e−5) + 1e−5): later layers remember longer.
 * @param layer - ℓ, from 0
 * @param layers - L
 * @see MiniMax 2025, arXiv:2501.08313.
 */
export function lightningSlopes(heads: number, layer: number, layers: number): number[] {
  const factor = 1 - layer / (layers - 1 + 1e-5) + 1e-5;
  return Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads) * factor);
}

/**
 * Lightning attention: a linear attention whose heads forget each at a fixed rate, with activated queries, keys and values and no scale.
 *
 * S_t = e^{−s_h} S_{t−1} + k_tᵀ v_t; o_t = q_t S_t (row vectors, S is [K, V]); the heads together are normalised and gated by a sigmoid.
 * @see Qin et al. 2024, arXiv:2401.04658; MiniMax 2025, arXiv:2501.08313.
 */
export const lightningAttention: MixerFactory<
  LightningAttentionConfig,
  LightningAttentionParams,
  LightningAttentionState
> = recurrentMixer<LightningAttentionConfig, LightningAttentionParams, LightningAttentionState>({
  name: '@tessera/attention-linear:lightning-attention',
  config: checked(
    fields<LightningAttentionConfig>({
      heads: int({ min: 1 }),
      keyDim: int({ min: 1 }),
      valueDim: int({ min: 1 }),
      slopes: list(number({ min: 0 })),
      activation: oneOf(activationNames, { default: 'silu' }),
      gateActivation: oneOf(activationNames, { default: 'sigmoid' }),
      normEps: number({ min: 0, default: 1e-5 }),
    }),
    ({ heads, slopes }) =>
      slopes.length === heads
        ? undefined
        : { setting: 'slopes', message: `has ${slopes.length} numbers, expected one for each of ${heads} heads; take those of lightningSlopes` }, // prettier-ignore
  ),
  params: ({ config: { heads: H, keyDim: K, valueDim: V }, dModel: D }) => ({
    q_proj: linearWeight(H * K, D),
    k_proj: linearWeight(H * K, D),
    v_proj: linearWeight(H * V, D),
    g_proj: linearWeight(H * V, D),
    o_proj: linearWeight(D, H * V),
    o_norm: { shape: [H * V], init: constant(1) },
  }),
  state: ({ config: { heads: H, keyDim: K, valueDim: V } }) => ({ S: [H, K, V] }),
  run({ params: p, config, x, entries }, state) {
    const { heads: H, keyDim: K, valueDim: V } = config;
    const [B, n] = x.shape as [number, number];
    const heads = (weight: Tensor, size: number): Tensor =>
      reshape(activations[config.activation](linear(x, weight)), [B, n, H, size]);
    const { o, S } = recurrence(
      {
        q: heads(p.q_proj, K),
        k: heads(p.k_proj, K),
        v: heads(p.v_proj, V),
        g: constantDecay(config.slopes.map((slope) => -slope), x.shape), // prettier-ignore
        S: state.S,
      },
      entries,
    );
    const normed = rmsNorm(reshape(o, [B, n, H * V]), p.o_norm, { eps: config.normEps });
    const gate = activations[config.gateActivation](linear(x, p.g_proj));
    return { y: linear(mul(normed, gate), p.o_proj), state: { S } };
  },
});
