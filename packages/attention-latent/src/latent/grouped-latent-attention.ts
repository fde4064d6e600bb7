import type { MixerFactory } from '@tessera/plugin';
import { defineMixer } from '@tessera/plugin';
import type { RowCache } from '../cache/row-cache.ts';
import { groupedLatentAttentionConfig } from './latent-config.ts';
import type { GroupedLatentAttentionConfig } from './latent-config.ts';
import { latentMixer } from './latent-mixer.ts';
import type { LatentAttentionParams } from './latent-params.ts';

/**
 * Grouped latent attention (GLA): several latents, each normalised by itself and read by a group of heads of its own, and one
 * rotated key that all heads share. So ranks can hold a latent each. With one latent it is MLA.
 * @see Zadouri, Strauss and Dao 2025, arXiv:2505.21487.
 */
export const groupedLatentAttention: MixerFactory<GroupedLatentAttentionConfig, LatentAttentionParams, RowCache> =
  defineMixer({
    contract: 'sequence-mixer/1',
    name: '@tessera/attention-latent:grouped-latent-attention',
    config: groupedLatentAttentionConfig,
    ...latentMixer<GroupedLatentAttentionConfig>(),
  });
