import type { GatedAttentionUnitConfig } from './gated-attention-unit.ts';
import type { WholeGatedAttentionUnitConfig } from './whole-gated-attention-unit.ts';

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

/** The same of units over whole sequences. */
export const wholeConfigs: readonly [string, WholeGatedAttentionUnitConfig][] = [
  ['a softmax, causal', { keyDim: 6, valueDim: 10, form: 'softmax', causal: true, shiftTokens: true }],
  ['squares of all pairs', { keyDim: 6, valueDim: 10, form: 'square', rotary: { order: 'interleaved' } }],
  ['groups in both directions', { ...sizes, form: 'grouped', convolution: 3, shiftTokens: true }],
  ['groups with a memory each, castling', { ...sizes, form: 'grouped', oneMemory: false, castling: true }],
];
