import type { MixerUse } from '@tessera/plugin';
import { deltaNet } from './delta-net/delta-net.ts';
import { gatedAttentionUnit } from './gated-attention-unit/gated-attention-unit.ts';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { gatedDeltaProduct } from './gated-delta-product/gated-delta-product.ts';
import { gatedLinearAttention } from './gated-linear-attention/gated-linear-attention.ts';
import { groupedLinearAttention } from './grouped/grouped-linear-attention.ts';
import type { KernelAttentionConfig } from './kernel-attention/kernel-attention.ts';
import { kernelAttention } from './kernel-attention/kernel-attention.ts';
import { kimiDeltaAttention } from './kimi-delta-attention/kimi-delta-attention.ts';
import { lightningAttention } from './lightning-attention/lightning-attention.ts';
import { retention } from './retention/retention.ts';
import { shortConvolution } from './short-convolution/short-convolution.ts';
import { simpleGatedLinearAttention } from './simple-gated-linear-attention/simple-gated-linear-attention.ts';

const heads = { heads: 2, keyDim: 4, valueDim: 3 };
const keyHeads = { keyHeads: 1, keyDim: 4, valueDim: 3 };
const kernel = (config: Partial<KernelAttentionConfig>): MixerUse => kernelAttention({ ...heads, ...config });

/** Every mixer that decodes, with groups and convolutions that a short text crosses. */
export const proven: readonly (readonly [string, MixerUse])[] = [
  ['kernel attention, elu', kernel({})],
  ['kernel attention, FAVOR+', kernel({ featureMap: 'favor' })],
  ['kernel attention, Taylor', kernel({ featureMap: 'taylor' })],
  ['kernel attention, a learned product', kernel({ featureMap: 'product', normalize: false, outputNorm: 'rms' })],
  ['retention', retention({ ...heads, kvHeads: 1 })],
  ['Lightning attention', lightningAttention({ ...heads, slopes: [0.5, 0.01] })],
  ['gated linear attention', gatedLinearAttention({ ...heads, convolution: 3 })],
  ['simple gated linear attention', simpleGatedLinearAttention(heads)],
  ['DeltaNet', deltaNet(heads)],
  ['Gated DeltaNet', gatedDeltaNet({ ...keyHeads, valueHeads: 2 })],
  ['Gated DeltaProduct', gatedDeltaProduct({ ...keyHeads, convolution: 3 })],
  ['Kimi Delta Attention', kimiDeltaAttention(keyHeads)],
  ['grouped linear attention', groupedLinearAttention({ heads: 2, group: 4, convolution: 3 })],
  ['a gated attention unit', gatedAttentionUnit({ keyDim: 4, valueDim: 5, group: 4, convolution: 3, shiftTokens: true })], // prettier-ignore
  ['a short convolution', shortConvolution({ kernel: 4, bias: true })],
];
