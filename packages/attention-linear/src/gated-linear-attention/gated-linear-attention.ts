import { activations, linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { bias, fields, int, linearWeight, number, optional } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { mul, reshape } from '@tessera/tensor-core';
import { checked } from '../layer/checked.ts';
import type { GatedHeadsConfig, GatedHeadsParams, GatedHeadsState } from '../layer/gated-heads.ts';
import {
  checkGatedHeads,
  gatedHeadsFields,
  gatedHeadsOutput,
  gatedHeadsParams,
  gatedHeadsState,
  gatedHeadsStreams,
  kvHeadsOf,
} from '../layer/gated-heads.ts';
import { logDecay } from '../layer/log-decay.ts';
import { recurrence } from '../layer/recurrence.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';
import { repeatHeads } from '../layer/repeat-heads.ts';

/** Settings of {@link gatedLinearAttention}. */
export interface GatedLinearAttentionConfig extends GatedHeadsConfig {
  /** R, rank of the map of the decay. @defaultValue 16 */
  readonly gateRank?: number;
  /** What log decays are divided by. @defaultValue 16 */
  readonly gateNormalizer?: number;
  /** Least log decay. @defaultValue none */
  readonly decayFloor?: number;
}

/** Learned tensors of {@link gatedLinearAttention}. H heads, P heads of keys and values, rank R. */
export interface GatedLinearAttentionParams extends GatedHeadsParams {
  /** `[R, D]`: the decay, first map. */
  readonly gk_a_proj: Tensor;
  /** `[P · K, R]`: second map. */
  readonly gk_b_proj: Tensor;
  /** `[P · K]` */
  readonly gk_bias: Tensor;
}

/** State of {@link gatedLinearAttention}. */
export type GatedLinearAttentionState = GatedHeadsState;

/**
 * Gated linear attention (GLA): a linear attention in which each element of a key decays by itself, as the entry says.
 *
 * S_t = diag(e^{g_t}) S_{t−1} + k_tᵀ v_t; o_t = q_t S_t / √K (row vectors, S is [K, V]); g_t = log σ(x W₁ W₂ + b) / 16, and the output is
 * normalised and gated.
 * @see Yang et al. 2023, arXiv:2312.06635.
 */
export const gatedLinearAttention: MixerFactory<
  GatedLinearAttentionConfig,
  GatedLinearAttentionParams,
  GatedLinearAttentionState
> = recurrentMixer<GatedLinearAttentionConfig, GatedLinearAttentionParams, GatedLinearAttentionState>({
  name: '@tessera/attention-linear:gated-linear-attention',
  config: checked(
    fields<GatedLinearAttentionConfig>({
      ...gatedHeadsFields,
      gateRank: int({ min: 1, default: 16 }),
      gateNormalizer: number({ min: 1e-6, default: 16 }),
      decayFloor: optional(number({ max: 0 })),
    }),
    checkGatedHeads,
  ),
  params({ config, dModel: D }) {
    const { gateRank: R, keyDim: K } = config;
    const P = kvHeadsOf(config);
    return {
      ...gatedHeadsParams(config, D),
      gk_a_proj: linearWeight(R, D),
      gk_b_proj: linearWeight(P * K, R),
      gk_bias: bias(P * K),
    };
  },
  state: ({ config }) => gatedHeadsState(config),
  run({ params: p, config, x, entries }, state) {
    const { heads: H, keyDim: K } = config;
    const [B, n] = x.shape as [number, number];
    const { q, k, v, history } = gatedHeadsStreams(p, config, x, state.conv, entries);
    const phi = activations[config.featureActivation];
    const logits = reshape(linear(linear(x, p.gk_a_proj), p.gk_b_proj, p.gk_bias), [B, n, kvHeadsOf(config), K]);
    const floor = config.decayFloor as number | undefined;
    const { o, S } = recurrence(
      {
        q: mul(phi(q), K ** -0.5),
        k: repeatHeads(phi(k), H),
        v: repeatHeads(v, H),
        g: repeatHeads(logDecay(logits, config.gateNormalizer, floor), H),
        S: state.S,
      },
      entries,
    );
    return { y: gatedHeadsOutput(p, config, x, o), state: { conv: history, S } };
  },
});
