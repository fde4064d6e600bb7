import { shortConvolution } from '@tessera/attention-linear';
import { softmaxAttention } from '@tessera/attention-softmax';
import type { LoadOptions } from './loading/load.ts';
import type { GenerateOptions } from './generation/options.ts';
import type { LayerSpecInput } from './model-spec-input.ts';

/** Layers that are right. */
export const right: readonly LayerSpecInput[] = [
  {},
  { mixer: softmaxAttention({ heads: 2, kvHeads: 1, rotary: { theta: 1e6 } }) },
  { mixer: { ...shortConvolution({}), links: [{ input: 'values', layer: 0, output: 'x' }] } },
  { mixer: { type: '@tessera/attention-linear:short-convolution', config: { kernel: 3 } } },
];

/** Layers that are wrong: each is a type error. */
export const wrong: readonly LayerSpecInput[] = [
  // @ts-expect-error -- a mixer is used with its settings: softmaxAttention({ … })
  { mixer: softmaxAttention },
  // @ts-expect-error -- the setting is called kvHeads
  { mixer: softmaxAttention({ heads: 2, keyHeads: 1 }) },
  // @ts-expect-error -- heads have no default
  { mixer: softmaxAttention({}) },
  // @ts-expect-error -- a link says which output it reads
  { mixer: { ...shortConvolution({}), links: [{ input: 'values', layer: 0 }] } },
  // @ts-expect-error -- there are two kinds of residual
  { residual: 'serial' },
];

/** Options that are wrong: each is a type error. */
export const options: readonly (LoadOptions | GenerateOptions)[] = [
  // @ts-expect-error -- there is no such device
  { device: 'gpu' },
  // @ts-expect-error -- quantised weights are not honoured yet
  { dtype: 'q4' },
  // @ts-expect-error -- the option is called maxNewTokens
  { maxTokens: 5 },
];
