import type { MixerUse } from '@tessera/plugin';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { multiHeadLatentAttention } from './latent/multi-head-latent-attention.ts';
import { groupedTiedAttention } from './tied/grouped-tied-attention.ts';

/** Uses that are right. */
export const right: readonly MixerUse[] = [
  multiHeadLatentAttention({ heads: 2 }),
  multiHeadLatentAttention({ heads: 2, queryRank: 8, latentDim: 16, rotary: { order: 'interleaved' }, absorbUpTo: 0 }),
  groupedLatentAttention({ heads: 4, latentHeads: 2, pageSize: 16, window: 64 }),
  groupedTiedAttention({ heads: 4, kvHeads: 2, rotaryDim: 8, sharedKeyBias: true }),
];

/** Uses that are wrong: each is a type error. */
export const wrong: readonly MixerUse[] = [
  // @ts-expect-error -- heads has no default
  multiHeadLatentAttention({ latentDim: 16 }),
  // @ts-expect-error -- one latent is what makes it MLA
  multiHeadLatentAttention({ heads: 2, latentHeads: 2 }),
  // @ts-expect-error -- a rank is a number, and none is left out
  groupedLatentAttention({ heads: 4, queryRank: null }),
  // @ts-expect-error -- there is no such order of pairs
  groupedLatentAttention({ heads: 4, rotary: { order: 'quarter' } }),
  // @ts-expect-error -- keys and values are one tensor, with one width
  groupedTiedAttention({ heads: 4, valueDim: 8 }),
];
