import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';
import { mixture } from './mixture.ts';

export { mixture } from './mixture.ts';
export type { MixtureConfig, MixtureParams, SharedExpertConfig } from './mixture.ts';
export type { ExpertGroupsConfig, RouterConfig } from './router-config.ts';
export { balanceLoss, logitLoss } from './losses.ts';

/** The feed-forwards of this package. */
export const mixtureOfExperts: Plugin = definePlugin({
  contract: 'plugin/1',
  name: '@tessera/feedforward-moe',
  feedForwards: [mixture],
});
