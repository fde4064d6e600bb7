import { attention } from '@tessera/ops';
import type { MixerFactory } from '@tessera/plugin';
import { defineMixer } from '@tessera/plugin';
import { attentionConfig, attentionParams, projectOutput, projectQueryKeyValue } from './projections.ts';
import type { AttentionConfig, AttentionParams } from './projections.ts';
import { sameSegment, visiblePositions } from './softmax-attention.ts';

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
    forward(call) {
      const { params, config, positions, segments } = call;
      const { q, k, v } = projectQueryKeyValue(call);
      const o = attention({
        q,
        k,
        v,
        queryPositions: positions,
        keyPositions: visiblePositions(call),
        ...(segments && { mask: sameSegment(segments) }),
        scale: config.scale,
        causal: false,
        window: config.window,
        softCap: config.softCap,
      });
      return { y: projectOutput(params, o) };
    },
  },
);
