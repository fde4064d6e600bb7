import type { CheckpointLayout } from '@tessera/plugin';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readAttendingLayers } from '../layer-kinds.ts';
import { llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { gatedPart } from '../parts/feed-forward-parts.ts';
import { gatedDeltaNetPart } from '../parts/gated-delta-net-part.ts';
import type { GatedDeltaNetSettings } from '../parts/gated-delta-net-part.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import type { PublishedLayer } from '../published-model.ts';
import { readRotary } from '../rotary-fields.ts';

/** OLMo hybrid: gated delta nets with norms before, and between them attention with norms after. */
export const olmoHybrid: CheckpointLayout = makeLayout({
  modelType: 'olmo_hybrid',
  // Heads that predict several tokens at once.
  ignored: [/^(?:model\.)?mtp/],
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 100_352, dModel: 3840, layers: 32, maxPositions: 65_536 });
    const heads = readHeads(reader, sizes.dModel, { heads: 30 });
    const rotaryFamily = { ...heads, maxPositions: sizes.maxPositions, nullTheta: true };
    const { rotary, limit } = readRotary(reader, rotaryFamily, options);
    const bias = reader.bool('attention_bias', false);
    const eps = readEps(reader, 1e-6);
    const gated = readGated(reader, 11_008);
    const feedForward = named(gatedPart(gated), 'mlp');
    const attention = {
      ...heads,
      rotary,
      qkvBias: bias,
      outputBias: bias,
      qkNorm: { over: 'full', eps },
      dropout: reader.dropout('attention_dropout'),
    } as const;
    const delta = readDeltaNet(reader, sizes.dModel, heads.heads, gated.activation);
    // A textual renaming gave norms of both kinds of layers the same two names; both generations of names are read.
    const full: PublishedLayer = {
      mixer: named(attentionPart(attention), 'self_attn'),
      mixerOutputNorm: named(rmsPart(eps), 'feedforward_layer_norm', 'post_attention_layernorm'),
      feedForward,
      feedForwardOutputNorm: named(rmsPart(eps), 'post_feedforward_layernorm'),
    };
    const linear: PublishedLayer = {
      mixerNorm: named(rmsPart(eps), 'attention_layer_norm', 'input_layernorm'),
      mixer: named(gatedDeltaNetPart(delta), 'linear_attn'),
      feedForwardNorm: named(rmsPart(eps), 'feedforward_layer_norm', 'post_attention_layernorm'),
      feedForward,
    };
    // How training starts.
    reader.inert(['linear_a_log_min', 'linear_a_log_max', 'linear_dt_min', 'linear_dt_max', 'linear_dt_init_floor']);
    return llamaModel(reader, {
      ...sizes,
      paddingId: 100_277,
      eps,
      maxPositions: readablePositions(reader, sizes.maxPositions, options, limit),
      // Every fourth layer attends, or at least the last.
      layers: readAttendingLayers(reader, sizes.layers, (layer) =>
        sizes.layers < 4 ? layer === sizes.layers - 1 : layer % 4 === 3,
      ).map((attends) => (attends ? full : linear)),
    });
  },
});

function readDeltaNet(
  reader: ConfigReader,
  dModel: number,
  heads: number,
  convolutionActivation: string,
): GatedDeltaNetSettings {
  const range = { max: 65_536 };
  const keyHeads = reader.optionalInt('linear_num_key_heads', range) ?? heads;
  const valueHeads = reader.optionalInt('linear_num_value_heads', range) ?? heads;
  if (valueHeads % keyHeads !== 0)
    throw reader.wrong('linear_num_value_heads', `a multiple of linear_num_key_heads = ${keyHeads}, not ${valueHeads}`);
  const keyDim = reader.optionalInt('linear_key_head_dim', range) ?? Math.trunc((0.75 * dModel) / keyHeads);
  if (keyDim < 1) throw reader.wrong('linear_key_head_dim', 'a whole number from 1, and the one that follows is 0');
  return {
    keyHeads,
    valueHeads,
    keyDim,
    valueDim: reader.optionalInt('linear_value_head_dim', range) ?? 2 * keyDim,
    convolution: reader.int('linear_conv_kernel_dim', 4, { max: 256 }),
    convolutionActivation,
    negativeEigenvalues: reader.bool('linear_allow_neg_eigval', true),
  };
}
