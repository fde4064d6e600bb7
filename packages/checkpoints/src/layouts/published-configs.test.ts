import type { PublishedConfig } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { layoutOf } from './layout-of.ts';

/** Configs with the bookkeeping and the left-overs that published files really have. */
const configs: readonly (readonly [string, PublishedConfig])[] = [
  [
    'a small llama with fields of its own converter',
    {
      architectures: ['LlamaForCausalLM'], attention_bias: false, attention_dropout: 0, bos_token_id: 0, eos_token_id: 0,
      hidden_act: 'silu', hidden_size: 576, initializer_range: 0.041666666666666664, intermediate_size: 1536,
      is_llama_config: true, max_position_embeddings: 8192, model_type: 'llama', num_attention_heads: 9,
      num_hidden_layers: 30, num_key_value_heads: 3, pretraining_tp: 1, rms_norm_eps: 1e-5, rope_interleaved: false,
      rope_scaling: null, rope_theta: 100_000, tie_word_embeddings: true, torch_dtype: 'bfloat16',
      transformers_version: '4.40.1', use_cache: true, vocab_size: 49_152, 'transformers.js_config': { dtype: 'q4' },
    },
  ],
  [
    'a qwen2 whose window is written and off',
    {
      architectures: ['Qwen2ForCausalLM'], attention_dropout: 0, bos_token_id: 151_643, eos_token_id: 151_645,
      hidden_act: 'silu', hidden_size: 3584, initializer_range: 0.02, intermediate_size: 18_944,
      max_position_embeddings: 32_768, max_window_layers: 28, model_type: 'qwen2', num_attention_heads: 28,
      num_hidden_layers: 28, num_key_value_heads: 4, rms_norm_eps: 1e-6, rope_theta: 1_000_000, sliding_window: 131_072,
      tie_word_embeddings: false, torch_dtype: 'bfloat16', transformers_version: '4.41.2', use_cache: true,
      use_sliding_window: false, vocab_size: 152_064,
    },
  ],
  [
    'a phi3 with code of its own, which is not run',
    {
      _name_or_path: 'a', architectures: ['Phi3ForCausalLM'], attention_bias: false, attention_dropout: 0,
      auto_map: { AutoConfig: 'configuration_phi3.Phi3Config' }, bos_token_id: 1, embd_pdrop: 0, eos_token_id: 32_000,
      hidden_act: 'silu', hidden_size: 3072, initializer_range: 0.02, intermediate_size: 8192,
      max_position_embeddings: 4096, model_type: 'phi3', num_attention_heads: 32, num_hidden_layers: 32,
      num_key_value_heads: 32, original_max_position_embeddings: 4096, pad_token_id: 32_000, resid_pdrop: 0,
      rms_norm_eps: 1e-5, rope_scaling: null, rope_theta: 10_000, sliding_window: 2047, tie_word_embeddings: false,
      torch_dtype: 'bfloat16', transformers_version: '4.40.2', use_cache: true, vocab_size: 32_064,
    },
  ],
  [
    'a gemma3 that leaves most fields to its defaults',
    {
      architectures: ['Gemma3ForConditionalGeneration'], boi_token_index: 255_999, eoi_token_index: 256_000,
      eos_token_id: [1, 106], image_token_index: 262_144, initializer_range: 0.02, mm_tokens_per_image: 256,
      model_type: 'gemma3', torch_dtype: 'bfloat16', vision_config: { hidden_size: 1152 },
      text_config: {
        hidden_size: 3840, intermediate_size: 15_360, model_type: 'gemma3_text', num_attention_heads: 16,
        num_hidden_layers: 48, num_key_value_heads: 8, rope_scaling: { factor: 8, rope_type: 'linear' },
        sliding_window: 1024,
      },
    },
  ],
  [
    'a gpt_neox with both names of its share of rotation',
    {
      architectures: ['GPTNeoXForCausalLM'], attention_probs_dropout_prob: 0, bos_token_id: 0, eos_token_id: 0,
      hidden_act: 'gelu_fast', hidden_dropout_prob: 0, hidden_size: 6144, initializer_range: 0.02,
      intermediate_size: 24_576, layer_norm_eps: 1e-5, max_position_embeddings: 2048, model_type: 'gpt_neox',
      num_attention_heads: 64, num_hidden_layers: 44, partial_rotary_factor: 0.25, rotary_emb_base: 10_000,
      rotary_pct: 0.25, tie_word_embeddings: false, torch_dtype: 'float16', transformers_version: '4.19.0.dev0',
      use_cache: true, vocab_size: 50_432,
    },
  ],
  [
    'a minicpm3 with lists of factors for each pair of its shared key',
    {
      architectures: ['MiniCPM3ForCausalLM'], attention_bias: false, attention_dropout: 0, bos_token_id: 1,
      auto_map: { AutoConfig: 'configuration_minicpm.MiniCPM3Config' }, dim_model_base: 256, eos_token_id: [2, 73_440],
      hidden_act: 'silu', hidden_size: 2560, initializer_range: 0.1, intermediate_size: 6400, kv_lora_rank: 256,
      max_position_embeddings: 32_768, model_type: 'minicpm3', num_attention_heads: 40, num_hidden_layers: 62,
      num_key_value_heads: 40, q_lora_rank: 768, qk_nope_head_dim: 64, qk_rope_head_dim: 32, rms_norm_eps: 1e-5,
      rope_scaling: {
        long_factor: Array.from({ length: 16 }, (_, pair) => 1 + pair / 4), original_max_position_embeddings: 32_768,
        short_factor: Array.from({ length: 16 }, (_, pair) => 1 + pair / 4), type: 'longrope',
      },
      scale_depth: 1.4, scale_emb: 12, torch_dtype: 'bfloat16', transformers_version: '4.41.0', use_cache: true,
      vocab_size: 73_448,
    },
  ],
]; // prettier-ignore

test.each(configs)('%s is read', (_, config) => {
  const { spec } = layoutOf(config).toSpec(config);
  expect(spec.layers.length).toBeGreaterThan(20);
  expect(layoutOf(config).rules(config).length).toBeGreaterThan(spec.layers.length * 6);
});
