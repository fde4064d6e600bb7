import type { CheckpointLayout } from '@tessera/plugin';
import { readActivation } from '../activation-names.ts';
import type { ConfigReader } from '../config-reader.ts';
import { mostLayers, mostTokens, widest } from '../decoder-fields.ts';
import { readLatentSizes } from '../latent-attention-fields.ts';
import { llamaModel, readEps } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { kimiDeltaAttentionPart } from '../parts/kimi-delta-attention-part.ts';
import { latentAttentionPart } from '../parts/latent-attention-part.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import { readDeepseekFeedForwards, readFirstDense, readSigmoidRouter } from './deepseek-mixture.ts';

/** Kimi Linear: Kimi delta attention, every fourth layer latent attention without positions, and experts as in DeepSeek-V3. */
export const kimiLinear: CheckpointLayout = makeLayout({
  modelType: 'kimi_linear',
  read(reader, { contextLength }) {
    // Where both spellings of a field are there, the published code takes the one of published files.
    const dModel = reader.int('hidden_size', 2304, { max: widest });
    const layers = reader.int('num_hidden_layers', 27, { max: mostLayers });
    const maxPositions = reader.int(reader.spelling('model_max_length', 'max_position_embeddings'), 1_048_576);
    const latent = readLatentSizes(reader, dModel, {
      heads: 32,
      latentDim: 512,
      headDim: 128,
      valueDim: 128,
      rotaryDim: 64,
    });
    const eps = readEps(reader, 1e-5);
    const { dense, sparse } = readDeepseekFeedForwards(reader, {
      dModel,
      names: {
        experts: reader.spelling('num_experts', 'num_local_experts'),
        chosen: reader.spelling('num_experts_per_token', 'num_experts_per_tok'),
        shared: reader.spelling('num_shared_experts', 'n_shared_experts'),
      },
      defaults: { hidden: 9216, expertHidden: 1024, experts: 256, chosen: 8, shared: 1 },
      expert: { gate: 'w1', up: 'w3', down: 'w2' },
      router: (sizes) =>
        readSigmoidRouter(
          reader,
          {
            normalize: reader.spelling('moe_renormalize', 'norm_topk_prob'),
            count: reader.spelling('num_expert_group', 'n_group'),
            chosen: 'topk_group',
          },
          { scale: 2.446, count: 1, chosen: 1 },
          sizes,
        ),
    });
    const delta = readDelta(reader);
    const attends = readAttends(reader, layers, delta);
    const sparseLayers = readSparseLayers(reader, layers);
    const deltaPart = kimiDeltaAttentionPart({
      ...delta.sizes,
      convolutionActivation: readActivation(reader, 'hidden_act', 'silu'),
      normEps: eps,
    });
    delta.nested?.finish();
    readUnused(reader);
    return llamaModel(reader, {
      vocabSize: reader.int('vocab_size', 163_840, { max: mostTokens }),
      dModel,
      eps,
      paddingId: 163_839,
      maxPositions: Math.max(maxPositions, contextLength ?? 0),
      layers: Array.from({ length: layers }, (_, layer) => ({
        mixerNorm: named(rmsPart(eps), 'input_layernorm'),
        mixer: named(attends[layer] ? latentAttentionPart(latent) : deltaPart, 'self_attn'),
        feedForwardNorm: named(rmsPart(eps), 'post_attention_layernorm'),
        feedForward: named(sparseLayers[layer] ? sparse : dense, 'block_sparse_moe', 'mlp'),
      })),
    });
  },
});

interface Delta {
  readonly sizes: { readonly heads: number; readonly headDim: number; readonly convolution: number };
  /** Fields in a record of their own, which come before the others. */
  readonly nested: ConfigReader | undefined;
}

function readDelta(reader: ConfigReader): Delta {
  const nested = reader.record('linear_attn_config');
  const read = (inside: string, outside: string, fallback: number, max: number): number => {
    const given = reader.int(outside, fallback, { max });
    return nested?.int(inside, given, { max }) ?? given;
  };
  return {
    sizes: {
      heads: read('num_heads', 'linear_num_heads', 32, 65_536),
      headDim: read('head_dim', 'linear_head_dim', 128, 65_536),
      convolution: read('short_conv_kernel_size', 'linear_conv_kernel_dim', 4, 256),
    },
    nested,
  };
}

/** Which layers attend: as listed by kind, or by number from 1 on, or every fourth but the first. */
function readAttends(reader: ConfigReader, layers: number, { nested }: Delta): readonly boolean[] {
  const kinds = new Map([
    ['full_attention', true],
    ['linear_attention', false],
  ]);
  const listed = reader.words('layer_types', { exactly: layers }, kinds);
  const [full, linear] = [nested?.ints('full_attn_layers'), nested?.ints('kda_layers')];
  if (listed) return listed;
  if (!full || !linear) return Array.from({ length: layers }, (_, layer) => layer > 0 && layer % 4 === 0);
  return Array.from({ length: layers }, (_, layer) => {
    const attends = full.includes(layer + 1);
    if (attends === linear.includes(layer + 1))
      throw (nested as ConfigReader).wrong('full_attn_layers', `layer ${layer + 1} either here or in kda_layers`);
    return attends;
  });
}

/** Which layers have experts: as listed, or all but the first ones. */
function readSparseLayers(reader: ConfigReader, layers: number): readonly boolean[] {
  const kinds = new Map([
    ['sparse', true],
    ['dense', false],
  ]);
  const isSparse = readFirstDense(reader, 1);
  const listed = reader.words('mlp_layer_types', { exactly: layers }, kinds);
  return listed ?? Array.from({ length: layers }, (_, layer) => isSparse(layer));
}

/** Fields that published files hold and the published code does not use. */
function readUnused(reader: ConfigReader): void {
  reader.neutral('mla_use_nope', true, null);
  reader.neutral('moe_router_activation_func', 'sigmoid', null);
  reader.neutral('num_nextn_predict_layers', 0, null);
  reader.neutral('rope_scaling', null);
  reader.inert(['rope_theta', 'rope_parameters', 'use_grouped_topk', 'n_routed_experts']);
}
