import type { CheckpointLayout } from '@tessera/plugin';
import { makeLayout } from '../../make-layout.ts';
import { latentAttentionPart } from '../../parts/latent-attention-part.ts';
import type { LatentAttentionTensors } from '../../parts/latent-attention-part.ts';
import { tiedAttentionPart } from '../../parts/tied-attention-part.ts';
import { groupedLatentModel } from './grouped-latent-model.ts';

const tensors: LatentAttentionTensors = {
  query: 'W_Q',
  queryDown: 'W_dQ',
  queryNorm: 'q_norm',
  queryUp: 'W_uQ_rope',
  down: ['W_dKV'],
  norms: ['kv_norm_1', 'kv_norm_2'],
  up: ['W_ukv_1', 'W_ukv_2'],
  output: 'o_proj',
};

/** Grouped latent attention with two latents, as the authors' code has it. @see Zadouri et al. 2025, arXiv:2505.21487. */
export const groupedLatentGla: CheckpointLayout = makeLayout({
  modelType: 'grouped_latent_gla',
  read: (reader, options) =>
    groupedLatentModel(reader, options, {
      rotaryField: 'qk_rope_dim',
      attention({ heads, headDim, rotaryDim, rotary, bias, eps }) {
        if (heads % 2 !== 0)
          throw reader.wrong('num_attention_heads', `an even number, half for each latent, not ${heads}`);
        return latentAttentionPart(
          {
            heads,
            latentHeads: 2,
            queryRank: 8 * headDim,
            latentDim: 2 * headDim,
            headDim,
            valueDim: headDim,
            rotaryDim,
            rotary,
            normEps: eps,
            downBias: true,
            upBias: true,
            outputBias: bias,
          },
          tensors,
        );
      },
    }),
});

/** Grouped-tied attention, as the authors' code has it. @see Zadouri et al. 2025, arXiv:2505.21487. */
export const groupedLatentGta: CheckpointLayout = makeLayout({
  modelType: 'grouped_latent_gta',
  read: (reader, options) =>
    groupedLatentModel(reader, options, {
      rotaryField: 'rope_dim',
      attention({ heads, kvHeads, headDim, rotaryDim, rotary, bias }) {
        if (rotaryDim > headDim)
          throw reader.wrong('rope_dim', `a number up to head_dim = ${headDim}, not ${rotaryDim}`);
        return tiedAttentionPart({
          heads,
          kvHeads,
          headDim,
          rotaryDim,
          rotary,
          qkvBias: bias,
          sharedKeyBias: true,
          outputBias: bias,
        });
      },
    }),
});
