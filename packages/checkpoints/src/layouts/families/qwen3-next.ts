import type { CheckpointLayout } from '@tessera/plugin';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads, widest } from '../decoder-fields.ts';
import { readAttendingLayers } from '../layer-kinds.ts';
import { llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { readBalance, readExperts } from '../mixture-fields.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { gatedPart } from '../parts/feed-forward-parts.ts';
import { gatedDeltaNetPart } from '../parts/gated-delta-net-part.ts';
import type { GatedDeltaNetSettings } from '../parts/gated-delta-net-part.ts';
import { mixturePart } from '../parts/mixture-part.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import type { NamedPart } from '../published-model.ts';
import { readRotary } from '../rotary-fields.ts';

/** Qwen3-Next: gated delta nets, every fourth layer attention with an output gate, and mixtures of experts. */
export const qwen3Next: CheckpointLayout = makeLayout({
  modelType: 'qwen3_next',
  // Heads that predict several tokens at once.
  ignored: [/^mtp/],
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 151_936, dModel: 2048, layers: 48, maxPositions: 32_768 });
    const { dModel, layers, maxPositions } = sizes;
    const heads = readHeads(reader, dModel, { heads: 16, kvHeads: 2, headDim: 256 });
    const partial = { field: 'partial_rotary_factor', default: 0.25 };
    const { rotary, limit } = readRotary(reader, { ...heads, maxPositions, partial }, options);
    const bias = reader.bool('attention_bias', false);
    const eps = readEps(reader, 1e-6);
    const attention = attentionPart({
      ...heads,
      rotary,
      qkvBias: bias,
      outputBias: bias,
      outputGate: true,
      // Weights are stored minus 1.
      qkNorm: { over: 'head', eps, offset: 1 },
      dropout: reader.dropout('attention_dropout'),
    });
    const feedForwards = readFeedForwards(reader, dModel, layers);
    const delta = gatedDeltaNetPart(readDeltaNet(reader, eps), 'by-key-head');
    const interval = reader.int('full_attention_interval', 4);
    return llamaModel(reader, {
      ...sizes,
      eps,
      normOffset: 1,
      maxPositions: readablePositions(reader, maxPositions, options, limit),
      layers: readAttendingLayers(reader, layers, (layer) => (layer + 1) % interval === 0).map((attends, layer) => ({
        mixerNorm: named(rmsPart(eps, 1), 'input_layernorm'),
        mixer: attends ? named(attention, 'self_attn') : named(delta, 'linear_attn'),
        feedForwardNorm: named(rmsPart(eps, 1), 'post_attention_layernorm'),
        feedForward: feedForwards[layer] as NamedPart,
      })),
    });
  },
});

/** Experts in every so many layers, but for those that are listed. */
function readFeedForwards(reader: ConfigReader, dModel: number, layers: number): readonly NamedPart[] {
  const gated = readGated(reader, 5632);
  const dense = named(gatedPart(gated), 'mlp');
  const step = reader.int('decoder_sparse_step', 1);
  const denseLayers = new Set(reader.ints('mlp_only_layers'));
  const hidden = reader.int('moe_intermediate_size', 512, { max: widest });
  const sharedHidden = reader.int('shared_expert_intermediate_size', 512, { max: widest });
  const normalized = reader.bool('norm_topk_prob', true);
  const balance = readBalance(reader, 0.001);
  const names = { experts: 'num_experts', chosen: 'num_experts_per_tok' };
  const without = reader.value('num_experts') === 0;
  if (without) reader.int('num_experts_per_tok', 10, { min: 0 });
  const sparse =
    !without &&
    named(
      mixturePart(
        {
          ...readExperts(reader, names, { experts: 512, chosen: 10 }),
          hidden,
          activation: gated.activation,
          router: { ...(normalized && { normalize: true }) },
          shared: { hidden: sharedHidden, gate: true },
          balance,
        },
        { dModel, shared: 'shared_expert' },
      ),
      'mlp',
    );
  return Array.from({ length: layers }, (_, layer) =>
    sparse && !denseLayers.has(layer) && (layer + 1) % step === 0 ? sparse : dense,
  );
}

function readDeltaNet(reader: ConfigReader, normEps: number): GatedDeltaNetSettings {
  const range = { max: 65_536 };
  const keyHeads = reader.int('linear_num_key_heads', 16, range);
  const valueHeads = reader.int('linear_num_value_heads', 32, range);
  if (valueHeads % keyHeads !== 0)
    throw reader.wrong('linear_num_value_heads', `a multiple of linear_num_key_heads = ${keyHeads}, not ${valueHeads}`);
  return {
    keyHeads,
    valueHeads,
    keyDim: reader.int('linear_key_head_dim', 128, range),
    valueDim: reader.int('linear_value_head_dim', 128, range),
    convolution: reader.int('linear_conv_kernel_dim', 4, { max: 256 }),
    convolutionActivation: readGated(reader, 5632).activation,
    negativeEigenvalues: false,
    normEps,
  };
}
