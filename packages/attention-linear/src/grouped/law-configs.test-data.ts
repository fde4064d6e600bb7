import type { GroupedAttentionConfig, GroupedLinearAttentionConfig } from './grouped-linear-attention.ts';
import type { GroupedLinearEncoderConfig } from './grouped-linear-encoder.ts';

/** Settings that the laws are put to; the laws go over 1 to 17 entries, so over several groups and within one. */
export const groupedConfigs: readonly [string, GroupedLinearAttentionConfig][] = [
  ['groups of 4, convolution of 3', { heads: 2, group: 4, convolution: 3 }],
  [
    'groups of 5, shared keys, rotary positions, biases, learned factors',
    {
      heads: 4,
      kvHeads: 2,
      headDim: 4,
      group: 5,
      convolution: 4,
      rotary: {},
      qkvBias: true,
      outputBias: true,
      learnedFactors: 'both',
      factorsOf: 'head',
    },
  ],
  ['the own group alone', { heads: 2, group: 4, parts: 'local', convolution: 2 }],
  ['the groups before alone', { heads: 2, group: 3, parts: 'global', convolution: 0, learnedFactors: 'global' }],
  ['groups of 1', { heads: 3, group: 1, convolution: 2 }],
  ['a group longer than all', { heads: 2, group: 64, convolution: 32 }],
  ['norms of both kinds', { heads: 2, group: 6, normGlobal: true, normTogether: 'head', convolution: 3 }],
  [
    'a norm over all heads, values of length 1, another weight',
    { heads: 2, group: 4, normTogether: 'all', normEps: 1e-2, normValues: true, weights: 'sigmoid' },
  ],
  ['weights by collisions of hashes', { heads: 2, group: 5, weights: 'collisions', hashBits: 5, convolution: 2 }],
  ['castling, norms of queries and keys', { heads: 2, group: 7, castling: true, qkNorm: { over: 'head' } }],
];

/** The same of encoders. */
export const encoderConfigs: readonly [string, GroupedLinearEncoderConfig][] = [
  ['groups of 4, convolution of 5', { heads: 2, group: 4, convolution: 5 }],
  [
    'shared keys, a norm over all heads, learned factors',
    { heads: 4, kvHeads: 2, headDim: 4, group: 6, normTogether: 'all', normValues: true, learnedFactors: 'both' },
  ],
  ['the own group alone', { heads: 2, group: 4, parts: 'local', convolution: 0, rotary: {} }],
  ['all groups alone, castling', { heads: 2, group: 4, parts: 'global', castling: true }],
];

/** The same of attention to a context. */
export const crossConfigs: readonly [string, GroupedAttentionConfig][] = [
  ['groups of 4', { heads: 2, group: 4 }],
  ['shared keys, norms, learned factors', { heads: 4, kvHeads: 2, headDim: 4, group: 3, normTogether: 'all', learnedFactors: 'both' }], // prettier-ignore
  ['the own group alone', { heads: 2, group: 4, parts: 'local', rotary: {} }],
  ['all of the context alone', { heads: 2, parts: 'global', normValues: true }],
];
