import type { CheckpointLayout } from '@tessera/plugin';
import type { ConfigReader } from '../config-reader.ts';
import { readablePositions } from '../context-length.ts';
import { readDecoderSizes, readHeads } from '../decoder-fields.ts';
import { readAttendingLayers } from '../layer-kinds.ts';
import { llamaModel, readEps, readGated } from '../llama-model.ts';
import { makeLayout } from '../make-layout.ts';
import { readBalance, readExperts } from '../mixture-fields.ts';
import { attentionPart } from '../parts/attention-part.ts';
import { lightningAttentionPart } from '../parts/lightning-attention-part.ts';
import { mixturePart } from '../parts/mixture-part.ts';
import { rmsPart } from '../parts/norm-parts.ts';
import { named } from '../published-model.ts';
import type { PublishedLayer, PublishedPart } from '../published-model.ts';
import { readRotary } from '../rotary-fields.ts';

/** MiniMax: lightning attention and attention in turn, experts, and residual streams that are normed on their way. */
export const minimax: CheckpointLayout = makeLayout({
  modelType: 'minimax',
  // Powers of the decays, which follow from the config.
  ignored: [/\.self_attn\.(?:slope_rate|query_decay|key_decay|diagonal_decay)$/],
  read(reader, options) {
    const sizes = readDecoderSizes(reader, { vocabSize: 32_000, dModel: 4096, layers: 32, maxPositions: 131_072 });
    const { dModel, layers, maxPositions } = sizes;
    const heads = readHeads(reader, dModel, { heads: 32, kvHeads: 8 });
    const { rotary, limit } = readRotary(reader, { ...heads, maxPositions, theta: 1_000_000 }, options);
    const eps = readEps(reader, 1e-5);
    const window = reader.optionalInt('sliding_window');
    const { sparse, activation } = readSparse(reader, dModel);
    const full = {
      mixer: named(
        attentionPart({ ...heads, rotary, window, dropout: reader.dropout('attention_dropout') }),
        'self_attn',
      ),
      mixerFactors: readFactors(reader, 'full_attn'),
    };
    // How published kernels cut the sequence; the sum is the same.
    reader.int('block_size', 256);
    // The norm of the output has an eps of its own.
    const lightning = { heads: heads.heads, headDim: heads.headDim, activation, normEps: 1e-6, layers };
    const linearFactors = readFactors(reader, 'linear_attn');
    const block = {
      residual: 'normed',
      mixerNorm: named(rmsPart(eps), 'input_layernorm'),
      feedForwardNorm: named(rmsPart(eps), 'post_attention_layernorm'),
      feedForward: named(sparse, 'block_sparse_moe', 'mlp'),
      feedForwardFactors: readFactors(reader, 'mlp'),
    } as const;
    return llamaModel(reader, {
      ...sizes,
      eps,
      maxPositions: readablePositions(reader, maxPositions, options, limit),
      layers: readAttendingLayers(reader, layers, (layer) => layer % 2 === 0).map((attends, layer): PublishedLayer =>
        attends
          ? { ...block, ...full }
          : {
              ...block,
              mixer: named(lightningAttentionPart({ ...lightning, layer }), 'self_attn'),
              mixerFactors: linearFactors,
            },
      ),
    });
  },
});

function readFactors(reader: ConfigReader, part: string): { readonly kept: number; readonly added: number } {
  return { kept: reader.number(`${part}_alpha_factor`, 1), added: reader.number(`${part}_beta_factor`, 1) };
}

function readSparse(reader: ConfigReader, dModel: number): { sparse: PublishedPart; activation: string } {
  const { hidden, activation } = readGated(reader, 14_336);
  const names = { experts: reader.spelling('num_experts', 'num_local_experts'), chosen: 'num_experts_per_tok' };
  const jitter = reader.number('router_jitter_noise', 0, { max: 1 });
  const sparse = mixturePart(
    {
      ...readExperts(reader, names, { experts: 8, chosen: 2 }),
      hidden,
      activation,
      router: { normalize: true, ...(jitter > 0 && { jitter }) },
      balance: readBalance(reader, 0.001),
    },
    { dModel, expert: { gate: 'w1', up: 'w3', down: 'w2' } },
  );
  return { sparse, activation };
}
