import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { GenerateOptions } from './options.ts';

/** Fields of `generation_config.json` that hold nothing about the choice of tokens. */
const inert = new Set([
  '_from_model_config',
  'transformers_version',
  'use_cache',
  'bos_token_id',
  'pad_token_id',
  'eos_token_id',
  'decoder_start_token_id',
  'cache_implementation',
  'cache_config',
  'disable_compile',
  'compile_config',
  'return_legacy_cache',
  'max_length',
  'chat_format',
  'max_window_size',
  'low_memory',
  'trust_remote_code',
  '_commit_hash',
]);

/** Fields that are fine while they change nothing. */
const neutral: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [null, 1],
  num_beam_groups: [null, 1],
  num_return_sequences: [null, 1],
  length_penalty: [null, 1],
  early_stopping: [null, false],
  diversity_penalty: [null, 0],
  encoder_repetition_penalty: [null, 1],
  encoder_no_repeat_ngram_size: [null, 0],
  bad_words_ids: [null],
  force_words_ids: [null],
  forced_bos_token_id: [null],
  forced_eos_token_id: [null],
  suppress_tokens: [null],
  begin_suppress_tokens: [null],
  sequence_bias: [null],
  guidance_scale: [null, 1],
  epsilon_cutoff: [null, 0],
  eta_cutoff: [null, 0],
  top_h: [null],
  exponential_decay_length_penalty: [null],
  renormalize_logits: [null, false],
  remove_invalid_values: [null, false],
  constraints: [null],
  penalty_alpha: [null, 0],
  dola_layers: [null],
  token_healing: [null, false],
  output_attentions: [null, false],
  output_hidden_states: [null, false],
  output_scores: [null, false],
  output_logits: [null, false],
  return_dict_in_generate: [null, false],
  prompt_lookup_num_tokens: [null],
  max_matching_ngram_size: [null],
  assistant_early_exit: [null],
  is_assistant: [null, false],
  num_assistant_tokens: [null, 20],
  num_assistant_tokens_schedule: [null, 'constant'],
  assistant_confidence_threshold: [null, 0.4],
  assistant_lookbehind: [null, 10],
  target_lookbehind: [null, 10],
  watermarking_config: [null],
  max_time: [null],
  stop_strings: [null],
  min_length: [null, 0],
  prefill_chunk_size: [null],
  low_memory: [null, false],
};

const honoured = {
  temperature: 'temperature',
  top_k: 'topK',
  top_p: 'topP',
  min_p: 'minP',
  typical_p: 'typicalP',
  repetition_penalty: 'repetitionPenalty',
  no_repeat_ngram_size: 'noRepeatNgramSize',
  max_new_tokens: 'maxNewTokens',
  min_new_tokens: 'minNewTokens',
} as const;

/** Of these, those that only count when sampling. */
const samplingOnly = new Set<string>(['temperature', 'top_k', 'top_p', 'min_p', 'typical_p']);

/**
 * Options that a checkpoint asks for. Those given by the caller win.
 * @throws {@link UnsupportedOptionError} listing every field that is not honoured
 */
export function optionsOfConfig(config: Readonly<Record<string, unknown>> | undefined): GenerateOptions {
  if (!config) return {};
  const refused = Object.entries(config).filter(
    ([key, value]) => !inert.has(key) && key !== 'do_sample' && !(key in honoured) && !neutral[key]?.includes(value),
  );
  if (refused.length > 0)
    throw new UnsupportedOptionError(
      `generation_config.json asks for ${refused.map(([key, value]) => `${key} = ${JSON.stringify(value)}`).join(', ')}, which ${refused.length === 1 ? 'is' : 'are'} not honoured. Remove ${refused.length === 1 ? 'it' : 'them'} from the file.`,
      { facts: { fields: Object.fromEntries(refused) } },
    );
  const sampled = config['do_sample'] === true;
  const options: Record<string, unknown> = {};
  for (const [key, name] of Object.entries(honoured)) {
    const value = config[key];
    if (value === undefined || value === null || (samplingOnly.has(key) && !sampled)) continue;
    options[name] = value;
  }
  // transformers samples at temperature 1 when nothing else is said.
  if (sampled && options['temperature'] === undefined) options['temperature'] = 1;
  return options as GenerateOptions;
}

/** Ids that end a text: of `generation_config.json`, else of `config.json`. */
export function endIds(
  generationConfig: Readonly<Record<string, unknown>> | undefined,
  config: Readonly<Record<string, unknown>> | undefined,
): number[] {
  const given =
    generationConfig && 'eos_token_id' in generationConfig
      ? generationConfig['eos_token_id']
      : config?.['eos_token_id'];
  return (Array.isArray(given) ? given : [given]).filter((id): id is number => Number.isInteger(id));
}
