import { activations, linear } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { bias, fields, linearWeight, number } from '@tessera/plugin';
import type { Tensor } from '@tessera/tensor-core';
import { mul } from '@tessera/tensor-core';
import { checked } from '../layer/checked.ts';
import type { GatedHeadsConfig, GatedHeadsParams, GatedHeadsState } from '../layer/gated-heads.ts';
import {
  checkGatedHeads,
  gatedHeadsFields,
  gatedHeadsOutput,
  gatedHeadsParams,
  gatedHeadsState,
  gatedHeadsStreams,
} from '../layer/gated-heads.ts';
import { logDecay } from '../layer/log-decay.ts';
import { recurrence } from '../layer/recurrence.ts';
import { recurrentMixer } from '../layer/recurrent-mixer.ts';
import { repeatHeads } from '../layer/repeat-heads.ts';

/** Settings of {@link simpleGatedLinearAttention}. */
export interface SimpleGatedLinearAttentionConfig extends GatedHeadsConfig {
  /** What log decays are divided by. @defaultValue 16 */
  readonly gateNormalizer?: number;
}

/** Learned tensors of {@link simpleGatedLinearAttention}. */
export interface SimpleGatedLinearAttentionParams extends GatedHeadsParams {
  /** `[H, D]`: the decay. */
  readonly gk_proj: Tensor;
  /** `[H]` */
  readonly gk_bias: Tensor;
}

/** State of {@link simpleGatedLinearAttention}. */
export type SimpleGatedLinearAttentionState = GatedHeadsState;

/**
 * Simple gated linear attention: a linear attention whose heads decay as a whole, as the entry says.
 *
 * S_t = e^{g_t} S_{t−1} + k_tᵀ v_t; o_t = q_t S_t / √K (row vectors, S is [K, V]); g_t = log σ(x W + b) / 16, a number for each head, and the
 * output is normalised and gated.
 * @see Yang et al. 2023, arXiv:2312.06635, table 1; with one decay for a head as Dao and Gu 2024, arXiv:2405.21060.
 */
export const simpleGatedLinearAttention: MixerFactory<
  SimpleGatedLinearAttentionConfig,
  SimpleGatedLinearAttentionParams,
  SimpleGatedLinearAttentionState
> = recurrentMixer<SimpleGatedLinearAttentionConfig, SimpleGatedLinearAttentionParams, SimpleGatedLinearAttentionState>(
  {
    name: '@tessera/attention-linear:simple-gated-linear-attention',
    config: checked(
      fields<SimpleGatedLinearAttentionConfig>({
        ...gatedHeadsFields,
        gateNormalizer: number({ min: 1e-6, default: 16 }),
      }),
      checkGatedHeads,
    ),
    params: ({ config, dModel: D }) => ({
      ...gatedHeadsParams(config, D),
      gk_proj: linearWeight(config.heads, D),
      gk_bias: bias(config.heads),
    }),
    state: ({ config }) => gatedHeadsState(config),
    run({ params: p, config, x, entries }, state) {
      const { heads: H, keyDim: K } = config;
      const { q, k, v, history } = gatedHeadsStreams(p, config, x, state.conv, entries);
      const phi = activations[config.featureActivation];
      const { o, S } = recurrence(
        {
          q: mul(phi(q), K ** -0.5),
          k: repeatHeads(phi(k), H),
          v: repeatHeads(v, H),
          g: logDecay(linear(x, p.gk_proj, p.gk_bias), config.gateNormalizer),
          S: state.S,
        },
        entries,
      );
      return { y: gatedHeadsOutput(p, config, x, o), state: { conv: history, S } };
    },
  },
);
