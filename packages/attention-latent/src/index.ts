import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { multiHeadLatentAttention } from './latent/multi-head-latent-attention.ts';
import { groupedTiedAttention } from './tied/grouped-tied-attention.ts';

export { multiHeadLatentAttention } from './latent/multi-head-latent-attention.ts';
export { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
export { groupedTiedAttention } from './tied/grouped-tied-attention.ts';
export type { GroupedLatentAttentionConfig, LatentAttentionConfig } from './latent/latent-config.ts';
export type { LatentAttentionParams } from './latent/latent-params.ts';
export type { TiedAttentionConfig, TiedAttentionParams } from './tied/tied-config.ts';
export type { RowCache } from './cache/row-cache.ts';
export { appendToPool, poolPositions } from './cache/page-pool.ts';
export type { PagePool } from './cache/page-pool.ts';
export {
  groupedLatentShape,
  groupedQueryShape,
  groupedTiedShape,
  multiHeadLatentShape,
  multiHeadShape,
  multiQueryShape,
} from './accounting/cache-shape.ts';
export type { CacheShape, HeadShape, LatentWidths } from './accounting/cache-shape.ts';
export {
  accountingTable,
  arithmeticIntensity,
  bytesPerToken,
  copiesOverRanks,
  elementsPerToken,
} from './accounting/cache-accounting.ts';
export type { AccountingRow, AccountingSizes, IntensityOptions } from './accounting/cache-accounting.ts';

/** The mixers of this package. */
export const latentAttentions: Plugin = definePlugin({
  contract: 'plugin/1',
  name: '@tessera/attention-latent',
  mixers: [multiHeadLatentAttention, groupedLatentAttention, groupedTiedAttention],
});
