import { definePlugin } from '@tessera/plugin';
import type { Plugin } from '@tessera/plugin';
import { deltaNet } from './delta-net/delta-net.ts';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { gatedDeltaProduct } from './gated-delta-product/gated-delta-product.ts';
import { gatedLinearAttention } from './gated-linear-attention/gated-linear-attention.ts';
import { gatedAttentionUnit } from './gated-attention-unit/gated-attention-unit.ts';
import { wholeGatedAttentionUnit } from './gated-attention-unit/whole-gated-attention-unit.ts';
import { groupedCrossAttention } from './grouped/grouped-cross-attention.ts';
import { groupedLinearEncoder } from './grouped/grouped-linear-encoder.ts';
import { groupedLinearAttention } from './grouped/grouped-linear-attention.ts';
import { scaledPositions } from './scaled-positions/scaled-positions.ts';
import { kernelAttention } from './kernel-attention/kernel-attention.ts';
import { kimiDeltaAttention } from './kimi-delta-attention/kimi-delta-attention.ts';
import { lightningAttention } from './lightning-attention/lightning-attention.ts';
import { retention } from './retention/retention.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';
import { simpleGatedLinearAttention } from './simple-gated-linear-attention/simple-gated-linear-attention.ts';

export { deltaNet } from './delta-net/delta-net.ts';
export type { DeltaNetActivation, DeltaNetConfig, DeltaNetParams, DeltaNetState } from './delta-net/delta-net.ts';
export { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
export type {
  GatedDeltaNetConfig,
  GatedDeltaNetParams,
  GatedDeltaNetState,
} from './gated-delta-net/gated-delta-net.ts';
export { gatedDeltaProduct } from './gated-delta-product/gated-delta-product.ts';
export type {
  GatedDeltaProductConfig,
  GatedDeltaProductParams,
  GatedDeltaProductState,
} from './gated-delta-product/gated-delta-product.ts';
export { gatedLinearAttention } from './gated-linear-attention/gated-linear-attention.ts';
export type {
  GatedLinearAttentionConfig,
  GatedLinearAttentionParams,
  GatedLinearAttentionState,
} from './gated-linear-attention/gated-linear-attention.ts';
export { kernelAttention } from './kernel-attention/kernel-attention.ts';
export type {
  KernelAttentionConfig,
  KernelAttentionParams,
  KernelAttentionState,
} from './kernel-attention/kernel-attention.ts';
export type { FeatureMapName } from './kernel-attention/feature-maps.ts';
export { kimiDeltaAttention } from './kimi-delta-attention/kimi-delta-attention.ts';
export type {
  KimiDeltaAttentionConfig,
  KimiDeltaAttentionParams,
  KimiDeltaAttentionState,
} from './kimi-delta-attention/kimi-delta-attention.ts';
export { lightningAttention, lightningSlopes } from './lightning-attention/lightning-attention.ts';
export type {
  LightningAttentionConfig,
  LightningAttentionParams,
  LightningAttentionState,
} from './lightning-attention/lightning-attention.ts';
export { retention } from './retention/retention.ts';
export type { RetentionConfig, RetentionParams, RetentionState } from './retention/retention.ts';
export { shortConvolution } from './short-convolution/short-convolution.ts';
export type {
  ShortConvolutionConfig,
  ShortConvolutionParams,
  ShortConvolutionState,
} from './short-convolution/short-convolution.ts';
export { simpleGatedLinearAttention } from './simple-gated-linear-attention/simple-gated-linear-attention.ts';
export type {
  SimpleGatedLinearAttentionConfig,
  SimpleGatedLinearAttentionParams,
  SimpleGatedLinearAttentionState,
} from './simple-gated-linear-attention/simple-gated-linear-attention.ts';
export { groupedLinearAttention } from './grouped/grouped-linear-attention.ts';
export type {
  GroupedAttentionConfig,
  GroupedLinearAttentionConfig,
  GroupedLinearAttentionParams,
  GroupedLinearAttentionState,
} from './grouped/grouped-linear-attention.ts';
export type { GroupWeights } from './grouped/weigh-scores.ts';
export { groupedLinearEncoder } from './grouped/grouped-linear-encoder.ts';
export type { GroupedLinearEncoderConfig } from './grouped/grouped-linear-encoder.ts';
export { groupedCrossAttention } from './grouped/grouped-cross-attention.ts';
export type { GroupedCrossAttentionParams, GroupedCrossAttentionState } from './grouped/grouped-cross-attention.ts';
export type { GroupedParts, GroupedState } from './grouped/grouped-call.ts';
export type { FactorParams, MixConfig } from './grouped/mix-parts.ts';
export { gatedAttentionUnit } from './gated-attention-unit/gated-attention-unit.ts';
export type {
  GatedAttentionUnitConfig,
  GatedAttentionUnitParams,
  GatedAttentionUnitState,
} from './gated-attention-unit/gated-attention-unit.ts';
export { wholeGatedAttentionUnit } from './gated-attention-unit/whole-gated-attention-unit.ts';
export type { WholeGatedAttentionUnitConfig } from './gated-attention-unit/whole-gated-attention-unit.ts';
export type { UnitSettings } from './gated-attention-unit/gated-attention-unit.ts';
export type { RelativeBuckets } from './gated-attention-unit/relative-buckets.ts';
export { scaledPositions } from './scaled-positions/scaled-positions.ts';
export type { ScaledPositionsConfig, ScaledPositionsParams } from './scaled-positions/scaled-positions.ts';
export type { GatedHeadsConfig, GatedHeadsParams, GatedHeadsState } from './layer/gated-heads.ts';
export type { TapParams } from './layer/tap-parameters.ts';

// Marked, so that a bundle with one mixer does not carry the others.
/** The mixers of this package. */
export const linearAttention: Plugin = /* @__PURE__ */ definePlugin({
  contract: 'plugin/1',
  name: '@tessera/attention-linear',
  mixers: [
    kernelAttention,
    retention,
    lightningAttention,
    gatedLinearAttention,
    simpleGatedLinearAttention,
    deltaNet,
    gatedDeltaNet,
    gatedDeltaProduct,
    kimiDeltaAttention,
    groupedLinearAttention,
    groupedLinearEncoder,
    groupedCrossAttention,
    gatedAttentionUnit,
    wholeGatedAttentionUnit,
    scaledPositions,
    shortConvolution,
  ],
});
