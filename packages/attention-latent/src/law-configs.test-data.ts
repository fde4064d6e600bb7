import type { MixerUse } from '@tessera/plugin';
import { groupedLatentAttention } from './latent/grouped-latent-attention.ts';
import { multiHeadLatentAttention } from './latent/multi-head-latent-attention.ts';
import { groupedTiedAttention } from './tied/grouped-tied-attention.ts';

const small = { heads: 2, headDim: 6, rotaryDim: 4, latentDim: 8 };
const yarn = { type: 'yarn', factor: 4, originalMaxPositions: 8, betaFast: 32, betaSlow: 1, truncate: true } as const;

/** Mixers with settings that the laws are put to. */
export const uses: readonly [string, MixerUse][] = [
  ['MLA by default, nothing turns', multiHeadLatentAttention({ heads: 3 })],
  ['MLA, low-rank queries, halves turn', multiHeadLatentAttention({ ...small, queryRank: 5, rotary: { theta: 100 } })],
  [
    'MLA, neighbours turn under yarn, biases, wider values',
    multiHeadLatentAttention({
      ...small,
      valueDim: 10,
      queryRank: 5,
      rotary: { order: 'interleaved', scaling: yarn, attentionFactor: 1.2 },
      downBias: true,
      upBias: true,
      outputBias: true,
      scale: 0.4,
      normEps: 1e-3,
    }),
  ],
  ['MLA, materialised in every step', multiHeadLatentAttention({ ...small, rotary: {}, absorbUpTo: 0 })],
  [
    'MLA, materialised from 2 positions, in pages of 4',
    multiHeadLatentAttention({ ...small, absorbUpTo: 1, pageSize: 4 }),
  ],
  ['MLA, a window of 5, in pages of 4', multiHeadLatentAttention({ ...small, rotary: {}, window: 5, pageSize: 4 })],
  ['MLA without a shared key', multiHeadLatentAttention({ ...small, rotaryDim: 0 })],
  ['GLA, its latents by default', groupedLatentAttention({ heads: 2, rotaryDim: 4, rotary: {} })],
  [
    'GLA, three latents, low-rank queries, biases, in pages of 1',
    groupedLatentAttention({
      heads: 6,
      latentHeads: 3,
      headDim: 4,
      valueDim: 3,
      latentDim: 5,
      rotaryDim: 2,
      queryRank: 7,
      rotary: { theta: 50 },
      downBias: true,
      upBias: true,
      pageSize: 1,
    }),
  ],
  ['GLA, materialised in every step', groupedLatentAttention({ ...small, heads: 4, rotary: {}, absorbUpTo: 0 })],
  ['GTA by default', groupedTiedAttention({ heads: 3, rotary: { theta: 100 } })],
  [
    'GTA, two heads of keys, neighbours turn, biases, a window of 4',
    groupedTiedAttention({
      heads: 4,
      kvHeads: 2,
      headDim: 6,
      rotaryDim: 2,
      rotary: { order: 'interleaved' },
      qkvBias: true,
      sharedKeyBias: true,
      outputBias: true,
      window: 4,
    }),
  ],
  [
    'GTA of shared keys alone, in pages of 5',
    groupedTiedAttention({ heads: 2, headDim: 4, rotaryDim: 4, rotary: {}, pageSize: 5 }),
  ],
  ['GTA without a shared key: keys are values', groupedTiedAttention({ heads: 4, kvHeads: 1, rotaryDim: 0 })],
];
