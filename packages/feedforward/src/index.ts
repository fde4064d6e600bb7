import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';
import { dense } from './dense.ts';
import { gated } from './gated.ts';

export { gated } from './gated.ts';
export type { GatedConfig, GatedParams } from './gated.ts';
export { dense } from './dense.ts';
export type { DenseConfig, DenseParams } from './dense.ts';

/** The feed-forwards of this package. */
export const feedForward: Plugin = definePlugin({
  contract: 'plugin/1',
  name: '@tessera/feedforward',
  feedForwards: [gated, dense],
});
