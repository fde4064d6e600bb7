import type { GatedAttentionUnitConfig } from './gated-attention-unit.ts';

const sizes = { keyDim: 6, valueDim: 10, group: 4 };

/** Settings that the laws are put to. */
export const unitConfigs: readonly [string, GatedAttentionUnitConfig][] = [
  [
    'groups of 4, shifted tokens, rotary positions, convolution of 3',
    { ...sizes, shiftTokens: true, convolution: 3, rotary: { dims: 4, order: 'interleaved' } },
  ],
  ['the own group alone', { ...sizes, parts: 'local', weights: 'laplace' }],
  ['the groups before alone', { ...sizes, parts: 'global', shiftTokens: true }],
  ['castling, few buckets', { ...sizes, group: 7, castling: true, relative: { buckets: 4, maxDistance: 6 } }],
];
