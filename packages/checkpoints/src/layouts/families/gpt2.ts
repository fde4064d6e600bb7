import type { CheckpointLayout } from '@tessera/plugin';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import { readActivation } from '../activation-names.ts';
import { evenShare, mostLayers, mostTokens, widest } from '../decoder-fields.ts';
import { makeLayout } from '../make-layout.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { densePart } from '../parts/feed-forward-parts.ts';
import { layerNormPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import type { PublishedLayer } from '../published-model.ts';

/** GPT-2: learned positions, layer norms, and weights stored `[in, out]`. */
export const gpt2: CheckpointLayout = makeLayout({
  modelType: 'gpt2',
  // The causal mask, which older files hold.
  ignored: [/(?:^|\.)h\.\d+\.attn\.(?:masked_)?bias$/],
  read(reader, { contextLength = 0 }) {
    const vocabSize = reader.int('vocab_size', 50_257, { max: mostTokens });
    // Either spelling is read; the general one wins.
    const widthKey = reader.spelling('hidden_size', 'n_embd');
    const headsKey = reader.spelling('num_attention_heads', 'n_head');
    const dModel = reader.int(widthKey, 768, { max: widest });
    const heads = reader.int(headsKey, 12, { max: 65_536 });
    const layers = reader.int(reader.spelling('num_hidden_layers', 'n_layer'), 12, { max: mostLayers });
    const positionsKey = reader.spelling('max_position_embeddings', 'n_positions');
    const positions = reader.int(positionsKey, 1024);
    if (contextLength > positions)
      throw new UnsupportedOptionError(
        `contextLength is ${contextLength}, and the model has a learned table of ${positions} positions (${positionsKey}). Set at most ${positions}.`,
        { facts: { contextLength, positions } },
      );
    const headDim = evenShare(reader, widthKey, dModel, heads);
    const eps = reader.number('layer_norm_epsilon', 1e-5, { min: 0, max: 1 });
    const hidden = reader.optionalInt('n_inner', { max: widest }) ?? 4 * dModel;
    const activation = readActivation(reader, 'activation_function', 'gelu_new');
    const scaled = reader.bool('scale_attn_weights', true);
    const byLayer = reader.bool('scale_attn_by_inverse_layer_idx', false);
    // Absent fields are 0.1, not 0.
    const [attentionDropout, residualDropout] = [reader.dropout('attn_pdrop', 0.1), reader.dropout('resid_pdrop', 0.1)];
    // How sums are rounded, and what other heads than the language model's do.
    reader.inert(['reorder_and_upcast_attn', 'n_ctx', 'summary_type', 'summary_use_proj', 'summary_activation']);
    reader.inert(['summary_proj_to_labels', 'summary_first_dropout']);
    const layerAt = (layer: number): PublishedLayer => ({
      mixerNorm: named(layerNormPart(eps), 'ln_1'),
      mixer: named(
        attentionPart(
          {
            heads,
            kvHeads: heads,
            headDim,
            qkvBias: true,
            outputBias: true,
            dropout: attentionDropout,
            // Scaled by the size of a head alone is what attention does by itself.
            ...(!(scaled && !byLayer) && { scale: (scaled ? headDim ** -0.5 : 1) / (byLayer ? layer + 1 : 1) }),
          },
          { fused: { name: 'c_attn', order: 'parts' }, output: 'c_proj', transposed: true },
        ),
        'attn',
      ),
      feedForwardNorm: named(layerNormPart(eps), 'ln_2'),
      feedForward: named(densePart({ hidden, activation }, { up: 'c_fc', down: 'c_proj', transposed: true }), 'mlp'),
      residualDropout,
    });
    return {
      vocabSize,
      dModel,
      maxPositions: positions,
      prefixes: ['transformer.', ''],
      embedding: {
        name: 'wte.weight',
        positions: { name: 'wpe.weight', rows: positions },
        dropout: reader.dropout('embd_pdrop', 0.1),
      },
      layersName: 'h',
      layers: Array.from({ length: layers }, (_, layer) => layerAt(layer)),
      finalNorm: named(layerNormPart(eps), 'ln_f'),
      head: { names: ['lm_head.weight'], tied: reader.bool('tie_word_embeddings', true) },
    };
  },
});
