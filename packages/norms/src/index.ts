import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';
import { layer } from './layer-norm.ts';
import { rms } from './rms-norm.ts';
import { scale } from './scale-norm.ts';

export { rms } from './rms-norm.ts';
export type { RmsConfig, RmsParams } from './rms-norm.ts';
export { layer } from './layer-norm.ts';
export type { LayerNormConfig, LayerNormParams } from './layer-norm.ts';
export { scale } from './scale-norm.ts';
export type { ScaleNormConfig, ScaleNormParams } from './scale-norm.ts';

/** The norms of this package. */
export const norms: Plugin = definePlugin({ contract: 'plugin/1', name: '@tessera/norms', norms: [rms, layer, scale] });
