import type { MixerFactory } from '@tessera/plugin';
import { defineMixer } from '@tessera/plugin';
import type { RowCache } from '../cache/row-cache.ts';
import { latentAttentionConfig } from './latent-config.ts';
import type { LatentAttentionConfig } from './latent-config.ts';
import { latentMixer } from './latent-mixer.ts';
import type { LatentAttentionParams } from './latent-params.ts';

/**
 * Multi-head latent attention (MLA): what is kept of a position is one normalised latent c, of which all heads make their keys and
 * values, and one rotated key k^r that they share.
 *
 * [c, k^r] = x W_DKV, [k^n, v] = norm(c) W_UKV, o_t = Σ_{s ≤ t} softmax_s((q^n_t · k^n_s + q^r_t · k^r_s) · scale) v_s
 * @see DeepSeek-AI 2024, arXiv:2405.04434.
 */
export const multiHeadLatentAttention: MixerFactory<LatentAttentionConfig, LatentAttentionParams, RowCache> =
  defineMixer({
    contract: 'sequence-mixer/1',
    name: '@tessera/attention-latent:multi-head-latent-attention',
    config: latentAttentionConfig,
    ...latentMixer<LatentAttentionConfig>(),
  });
