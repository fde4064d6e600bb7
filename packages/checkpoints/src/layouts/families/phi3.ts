import type { CheckpointLayout } from '@tessera/plugin';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readUniformLayers } from '../layer-windows.ts';
import { llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { gatedPart } from '../parts/feed-forward-parts.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import { readRotary } from '../rotary-fields.ts';

/** Phi-3 and Phi-4-mini: llama with fused matrices, partial rotation and long contexts by lists of factors. */
export const phi3: CheckpointLayout = makeLayout({
  modelType: 'phi3',
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 32_064, dModel: 3072, layers: 32, maxPositions: 4096 });
    const heads = readHeads(reader, sizes.dModel, { heads: 32 });
    const { rotary, limit } = readRotary(
      reader,
      {
        ...heads,
        maxPositions: sizes.maxPositions,
        partial: { field: 'partial_rotary_factor', default: 1 },
        rules: ['default', 'longrope'],
        // The first files called the rule after the authors' initials.
        ruleAliases: new Map([['su', 'longrope']]),
        // Always read here, even when the rule has a length of its own.
        originalMaxPositions: reader.int('original_max_position_embeddings', 4096),
      },
      options,
    );
    const eps = readEps(reader, 1e-5);
    const window = reader.optionalInt('sliding_window');
    const dropout = reader.dropout('attention_dropout');
    const attention = attentionPart(
      { ...heads, rotary, window, dropout },
      { fused: { name: 'qkv_proj', order: 'parts' } },
    );
    const feedForward = gatedPart(readGated(reader, 8192), { gateUp: 'gate_up_proj', down: 'down_proj' });
    const block = {
      mixerNorm: named(rmsPart(eps), 'input_layernorm'),
      mixer: named(attention, 'self_attn'),
      feedForwardNorm: named(rmsPart(eps), 'post_attention_layernorm'),
      feedForward: named(feedForward, 'mlp'),
      residualDropout: reader.dropout('resid_pdrop'),
    };
    reader.unusedDropout('embd_pdrop');
    for (const key of ['attention_bias', 'mlp_bias', 'lm_head_bias']) reader.neutral(key, false, null);
    for (const key of ['full_attn_mod', 'interpolate_factor']) reader.neutral(key, 1, null);
    readUniformLayers(reader, sizes.layers, window);
    return llamaModel(reader, {
      ...sizes,
      paddingId: 32_000,
      eps,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      layers: Array.from({ length: sizes.layers }, () => block),
    });
  },
});
