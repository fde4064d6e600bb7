import type { PublishedConfig } from '@tessera/plugin';
import type { Recipe } from '../protocol.ts';

/** The id that ends a text: the first one of every tokenizer that is made here. */
export const endId = 0;

/**
 * `config.json` of the model of a recipe, in a layout that others know: Llama for attention, OLMo hybrid for Gated DeltaNet.
 * The parts of all three have about the same number of learned numbers.
 * @param vocabSize - of the tokenizer that was made
 */
export function publishedConfig({ mixing, width, layers, context }: Recipe, vocabSize: number): PublishedConfig {
  const heads = width < 64 ? 2 : width / 32;
  const headDim = width / heads;
  const shared = {
    vocab_size: vocabSize,
    hidden_size: width,
    intermediate_size: 8 * Math.ceil(width / 3),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    hidden_act: 'silu',
    max_position_embeddings: context,
    rms_norm_eps: 1e-6,
    rope_parameters: { rope_type: 'default', rope_theta: 10_000 },
    attention_bias: false,
    tie_word_embeddings: true,
    bos_token_id: endId,
    eos_token_id: endId,
    dtype: 'float32',
  };
  if (mixing === 'attention')
    return { architectures: ['LlamaForCausalLM'], model_type: 'llama', head_dim: headDim, mlp_bias: false, ...shared };
  return {
    architectures: ['OlmoHybridForCausalLM'],
    model_type: 'olmo_hybrid',
    ...shared,
    pad_token_id: null,
    layer_types: Array.from({ length: layers }, (_, layer) =>
      mixing === 'hybrid' && (layer % 4 === 3 || layer === layers - 1) ? 'full_attention' : 'linear_attention',
    ),
    linear_num_key_heads: heads,
    linear_num_value_heads: heads,
    linear_key_head_dim: headDim / 2,
    linear_value_head_dim: headDim,
    linear_conv_kernel_dim: 4,
    linear_allow_neg_eigval: true,
  };
}
