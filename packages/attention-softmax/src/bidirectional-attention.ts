import type { MixerFactory } from '@tessera/plugin';
import { defineMixer } from '@tessera/plugin';
import { attendWhole } from './attend-whole.ts';
import { attentionConfig } from './attention-config.ts';
import type { AttentionConfig, AttentionParams } from './attention-config.ts';
import { attentionParams } from './gated-output.ts';

/**
 * Softmax attention in both directions, for encoders. With a window a position sees others at a distance below it, before
 * and after. It looks at the whole sequence and so has no decoding.
 * @see Devlin et al. 2018, arXiv:1810.04805.
 */
export const bidirectionalAttention: MixerFactory<AttentionConfig, AttentionParams, Record<never, never>> = defineMixer(
  {
    contract: 'sequence-mixer/1',
    name: '@tessera/attention-softmax:bidirectional-attention',
    config: attentionConfig,
    params: attentionParams,
    forward: (call) => attendWhole(call, { causal: false }),
  },
);
