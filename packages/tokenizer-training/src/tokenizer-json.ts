/** A vocabulary in the order of its ids, and the merges that lead to it. */
export interface ByteLevelBpe {
  readonly specialTokens: readonly string[];
  /** All tokens, the special ones first. */
  readonly tokens: readonly string[];
  readonly merges: readonly (readonly [string, string])[];
}

/** `tokenizer.json` in the format of Hugging Face. */
export function tokenizerJson({ specialTokens, tokens, merges }: ByteLevelBpe): string {
  const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true };
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const file = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      // Written by hand: an object would put names that look like numbers first.
      vocab: 0,
      merges: 0,
    },
  };
  const lines = (entries: readonly string[]): string =>
    entries.length === 0 ? '' : `\n      ${entries.join(',\n      ')}\n    `;
  const vocab = `{${lines(tokens.map((token, id) => `${JSON.stringify(token)}: ${id}`))}}`;
  const pairs = `[${lines(merges.map(([left, right]) => `[${JSON.stringify(left)}, ${JSON.stringify(right)}]`))}]`;
  return `${JSON.stringify(file, null, 2)
    .replace('"vocab": 0', () => `"vocab": ${vocab}`)
    .replace('"merges": 0', () => `"merges": ${pairs}`)}\n`;
}

/** `tokenizer_config.json`: what ends a text, and so comes before the next. */
export function tokenizerConfigJson(endOfText: string | undefined): string {
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
    ...(endOfText !== undefined && { bos_token: endOfText, eos_token: endOfText }),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}
