import type { CheckpointLayout } from '@tessera/plugin';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes } from '../decoder-fields.ts';
import { readLatentRotary, readLatentSizes } from '../latent-attention-fields.ts';
import { llamaModel, readEps } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { latentAttentionPart } from '../parts/latent-attention-part.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import { readDeepseekFeedForwards, readFirstDense, readSigmoidRouter } from './deepseek-mixture.ts';

/** DeepSeek-V3: latent attention, and experts that are chosen by sigmoid scores with a bias, from few groups. */
export const deepseekV3: CheckpointLayout = makeLayout({
  modelType: 'deepseek_v3',
  // The layer that predicts a second token, behind the 61 of the published model.
  ignored: [/^(?:model\.)?layers\.61\./],
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 129_280, dModel: 7168, layers: 61, maxPositions: 4096 });
    const { dModel, layers, maxPositions } = sizes;
    const defaults = { heads: 128, queryRank: 1536, latentDim: 512, headDim: 128, valueDim: 128, rotaryDim: 64 };
    const latent = readLatentSizes(reader, dModel, defaults);
    const interleaved = reader.value('rope_interleave') !== null && reader.bool('rope_interleave', true);
    const order = interleaved ? 'interleaved' : 'half';
    const { limit, ...rotary } = readLatentRotary(reader, latent, { maxPositions, order }, options);
    const eps = readEps(reader, 1e-6);
    const { dense, sparse } = readDeepseekFeedForwards(reader, {
      dModel,
      names: {
        experts: reader.spelling('num_local_experts', 'n_routed_experts'),
        chosen: 'num_experts_per_tok',
        shared: 'n_shared_experts',
      },
      defaults: { hidden: 18_432, expertHidden: 2048, experts: 256, chosen: 8, shared: 1 },
      router: (experts) =>
        readSigmoidRouter(
          reader,
          { normalize: 'norm_topk_prob', count: 'n_group', chosen: 'topk_group' },
          { scale: 2.5, count: 8, chosen: 4 },
          experts,
        ),
    });
    reader.neutral('scoring_func', 'sigmoid');
    reader.neutral('topk_method', 'noaux_tc');
    reader.inert(['num_nextn_predict_layers', 'num_mtp_layers']);
    const isSparse = readFirstDense(reader, 3);
    return llamaModel(reader, {
      ...sizes,
      eps,
      maxPositions: readablePositions(reader, maxPositions, options, limit),
      layers: Array.from({ length: layers }, (_, layer) => ({
        mixerNorm: named(rmsPart(eps), 'input_layernorm'),
        mixer: named(latentAttentionPart({ ...latent, ...rotary }), 'self_attn'),
        feedForwardNorm: named(rmsPart(eps), 'post_attention_layernorm'),
        feedForward: named(isSparse(layer) ? sparse : dense, 'mlp'),
      })),
    });
  },
});
