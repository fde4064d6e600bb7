import type { ConfigReader } from './config-reader.ts';

/** Bookkeeping of the program that wrote the config, of its training and of its tooling. */
const bookkeeping: readonly string[] = [
  'model_type', 'architectures', 'transformers_version', 'dtype', 'torch_dtype', 'use_cache', 'initializer_range',
  'output_hidden_states', 'output_attentions', 'return_dict', 'return_dict_in_generate', 'output_scores', 'id2label',
  'label2id', 'num_labels', '_num_labels', 'problem_type', 'finetuning_task', 'task_specific_params', 'tokenizer_class',
  'prefix', '_name_or_path', 'name_or_path', '_commit_hash', '_attn_implementation', '_attn_implementation_autoset',
  'attn_implementation', '_flash_attn_2_enabled', 'auto_map', 'custom_pipelines', 'torchscript', 'use_bfloat16',
  'tf_legacy_loss', 'gradient_checkpointing', 'model_max_length', 'chunk_size_feed_forward', 'pretraining_tp',
  'is_decoder', 'unsloth_version', 'unsloth_fixed', 'transformers.js_config',
]; // prettier-ignore

/** Parameters of generation that older programs wrote here; `generation_config.json` holds the ones that count. */
const generation: readonly string[] = [
  'max_length', 'min_length', 'do_sample', 'temperature', 'top_k', 'top_p', 'typical_p', 'num_beams', 'num_beam_groups',
  'diversity_penalty', 'repetition_penalty', 'length_penalty', 'no_repeat_ngram_size', 'encoder_no_repeat_ngram_size',
  'bad_words_ids', 'num_return_sequences', 'early_stopping', 'forced_bos_token_id', 'forced_eos_token_id',
  'remove_invalid_values', 'exponential_decay_length_penalty', 'suppress_tokens', 'begin_suppress_tokens',
  'cache_implementation', 'decoder_start_token_id', 'sep_token_id',
]; // prettier-ignore

/** Reads what every published config may hold and no family gives a meaning of its own. */
export function readGenericFields(reader: ConfigReader): void {
  reader.inert(bookkeeping);
  reader.inert(generation);
  reader.neutral('quantization_config', null);
  reader.neutral('is_encoder_decoder', false, null);
  reader.neutral('add_cross_attention', false, null);
  reader.neutral('cross_attention_hidden_size', null);
  reader.neutral('tie_encoder_decoder', false, null);
  reader.neutral('pruned_heads', {}, null);
  reader.neutral('per_layer_config', null);
  // False would let every position see the later ones.
  reader.neutral('is_causal', true, null);
}

/**
 * The token whose row of the embedding the published code leaves as it is, counted from the end where it is negative.
 * @param fallback - `pad_token_id` where a config does not say
 */
export function readPaddingId(reader: ConfigReader, vocabSize: number, fallback?: number): number | undefined {
  const key = 'pad_token_id';
  if (Array.isArray(reader.value(key))) return undefined;
  const given = reader.value(key) === undefined ? fallback : reader.optionalInt(key, { min: -(2 ** 31) });
  const id = given !== undefined && given < 0 ? given + vocabSize : given;
  return id !== undefined && id >= 0 && id < vocabSize ? id : undefined;
}

/** Warns of special ids that no token of the vocabulary has. They change nothing of what a model computes. */
export function readSpecialIds(reader: ConfigReader, vocabSize: number): void {
  for (const key of ['bos_token_id', 'eos_token_id', 'pad_token_id']) {
    const ids = Array.isArray(reader.value(key)) ? reader.ints(key) : [reader.optionalInt(key, { min: -(2 ** 31) })];
    if (ids?.some((id) => id !== undefined && (id < 0 || id >= vocabSize)))
      reader.warn(key, `which is outside the vocabulary of ${vocabSize} tokens; no token will ever match it.`);
  }
}
