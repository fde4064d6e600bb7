import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';
import { bidirectionalAttention } from './bidirectional-attention.ts';
import { softmaxAttention } from './softmax-attention.ts';

export { softmaxAttention } from './softmax-attention.ts';
export { bidirectionalAttention } from './bidirectional-attention.ts';
export type { AttentionConfig, AttentionParams } from './attention-config.ts';
export type { QueryKeyNormConfig, RotaryConfig } from '@tessera/head-projections';
export type { KeyValueCache } from './key-value-cache.ts';
export { keysBeforeRotation } from './keys-before-rotation.ts';

/** The mixers of this package. */
export const softmax: Plugin = definePlugin({
  contract: 'plugin/1',
  name: '@tessera/attention-softmax',
  mixers: [softmaxAttention, bidirectionalAttention],
});
