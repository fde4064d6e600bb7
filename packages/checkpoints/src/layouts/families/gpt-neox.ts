import type { CheckpointLayout } from '@tessera/plugin';
import { readActivation } from '../activation-names.ts';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { evenShare, readDecoderSizes, widest } from '../decoder-fields.ts';
import { makeLayout } from '../make-layout.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { densePart } from '../parts/feed-forward-parts.ts';
import { layerNormPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import type { PublishedLayer } from '../published-model.ts';
import { readRotary } from '../rotary-fields.ts';

/** GPT-NeoX and Pythia: parallel blocks, partial rotation, and one matrix whose rows alternate between heads. */
export const gptNeox: CheckpointLayout = makeLayout({
  modelType: 'gpt_neox',
  // The causal mask, which older files hold.
  ignored: [/(?:^|\.)layers\.\d+\.attention\.(?:masked_)?bias$/],
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 50_432, dModel: 6144, layers: 44, maxPositions: 2048 });
    const heads = reader.int('num_attention_heads', 64, { max: 65_536 });
    const headDim = evenShare(reader, 'hidden_size', sizes.dModel, heads);
    reader.neutral('head_dim', headDim, null);
    const partial = { field: 'rotary_pct', default: 0.25 };
    const { rotary, limit } = readRotary(
      reader,
      { headDim, maxPositions: sizes.maxPositions, thetaField: 'rotary_emb_base', partial },
      options,
    );
    const bias = reader.bool('attention_bias', true);
    const eps = reader.number('layer_norm_eps', 1e-5, { min: 0, max: 1 });
    const hidden = reader.int('intermediate_size', 24_576, { max: widest });
    const activation = readActivation(reader, 'hidden_act', 'gelu');
    // Of what both halves add, and of the embedding.
    const dropout = reader.dropout('hidden_dropout');
    const block: PublishedLayer = {
      mixerNorm: named(layerNormPart(eps), 'input_layernorm'),
      mixer: named(
        attentionPart(
          {
            heads,
            kvHeads: heads,
            headDim,
            rotary,
            qkvBias: bias,
            outputBias: bias,
            dropout: reader.dropout('attention_dropout'),
          },
          { fused: { name: 'query_key_value', order: 'heads' }, output: 'dense' },
        ),
        'attention',
      ),
      feedForwardNorm: named(layerNormPart(eps), 'post_attention_layernorm'),
      feedForward: named(densePart({ hidden, activation }, { up: 'dense_h_to_4h', down: 'dense_4h_to_h' }), 'mlp'),
      residual: reader.bool('use_parallel_residual', true) ? 'parallel' : 'sequential',
      residualDropout: dropout,
    };
    // Not read beside the dictionary, and some files repeat the share there.
    const share = reader.optionalNumber('rotary_pct') ?? partial.default;
    reader.neutral('partial_rotary_factor', share, null);
    readUnused(reader);
    return {
      ...sizes,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      prefixes: ['gpt_neox.', ''],
      embedding: { name: 'embed_in.weight', dropout },
      layersName: 'layers',
      layers: Array.from({ length: sizes.layers }, () => block),
      finalNorm: named(layerNormPart(eps), 'final_layer_norm'),
      head: { names: ['embed_out.weight', 'lm_head.weight'], tied: reader.bool('tie_word_embeddings', false) },
    };
  },
});

/** Fields that published files hold and the published code does not use. */
function readUnused(reader: ConfigReader): void {
  reader.unusedDropout('attention_probs_dropout_prob', 'hidden_dropout_prob');
  // `rotary_emb_base` holds the base; every key has its query.
  reader.inert(['rope_theta', 'num_key_value_heads', 'classifier_dropout', 'sliding_window']);
}
