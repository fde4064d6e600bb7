import type { GroupedLinearAttentionConfig } from './grouped-linear-attention.ts';

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
  ['castling, norms of queries and keys', { heads: 2, group: 7, castling: true, qkNorm: { over: 'head' } }],
];
