/** Small tokenizers of each kind, made by hand: enough vocabulary that every text round-trips where the kind allows it. */
type Json = Record<string, unknown>;

const added = (id: number, content: string, special = true): Json => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special,
});

function vocabulary(tokens: readonly string[]): Record<string, number> {
  return Object.fromEntries([...new Set(tokens)].map((token, id) => [token, id]));
}

function byteCharacters(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
}

const byteTokens = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
const letters = [...'abcdefghijklmnopqrstuvwxyz'];

/** GPT-2's way, with ChatML tokens, a token that is added but not special, and merges that would build one of the special tokens. */
export function byteLevelBpe(): Json {
  const merges = [
    ['h', 'e'],
    ['l', 'l'],
    ['he', 'll'],
    ['hell', 'o'],
    ['Ġ', 't'],
    ['Ġt', 'he'],
    ['Ã', '©'],
    ['<', '|'],
    ['|', '>'],
    ['e', 'n'],
    ['en', 'd'],
  ];
  const tokens = ['<|endoftext|>', ...byteCharacters(), ...merges.map((pair) => pair.join(''))];
  const vocab = vocabulary(tokens);
  const next = Object.keys(vocab).length;
  return {
    added_tokens: [
      added(0, '<|endoftext|>'),
      added(next, '<|im_start|>'),
      added(next + 1, '<|im_end|>'),
      added(next + 2, '<think>', false),
      added(next + 3, '<｜User｜>', false),
    ],
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    post_processor: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true },
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: merges.map((pair) => pair.join(' ')),
    },
  };
}

/** Llama 2's way: Metaspace, byte fallback, and merges that build `</s>` from parts, as converted SentencePiece models have them. */
export function llamaBpe(): Json {
  const merges = [
    ['▁', 't'],
    ['h', 'e'],
    ['▁t', 'he'],
    ['l', 'l'],
    ['<', '/'],
    ['s', '>'],
    ['</', 's>'],
    ['▁', '▁'],
  ];
  const vocab = vocabulary([
    '<unk>',
    '<s>',
    '</s>',
    ...byteTokens,
    '▁',
    ...letters,
    '<',
    '/',
    '>',
    ...merges.map((pair) => pair.join('')),
  ]);
  return {
    added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ SpecialToken: { id: '<s>', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '<s>': { id: '<s>', ids: [1], tokens: ['<s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: { type: 'BPE', dropout: null, unk_token: '<unk>', fuse_unk: true, byte_fallback: true, vocab, merges },
  };
}

/** BERT's way; lower-cases, so that texts do not round-trip. */
export function wordPiece(): Json {
  const words = ['the', 'cat', 'sat', '##s', '##ing', '.', ',', '!', '[', ']'];
  const vocab = vocabulary([
    '[PAD]',
    '[UNK]',
    '[CLS]',
    '[SEP]',
    ...words,
    ...letters,
    ...letters.map((letter) => `##${letter}`),
  ]);
  return {
    added_tokens: [added(0, '[PAD]'), added(1, '[UNK]'), added(2, '[CLS]'), added(3, '[SEP]')],
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
  };
}

/** T5's way, with byte fallback; the vocabulary lists `</s>` as a piece, which text must not reach. */
export function unigram(): Json {
  const pieces: [string, number][] = [
    ['<unk>', 0],
    ['<s>', 0],
    ['</s>', 0],
    ['▁', -2],
    ['▁the', -3],
    ['he', -3.5],
    ['▁cat', -4],
    ...letters.map((letter, i): [string, number] => [letter, -5 - i / 10]),
  ];
  return {
    added_tokens: [added(0, '<unk>'), added(1, '<s>'), added(2, '</s>')],
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [{ Sequence: { id: 'A', type_id: 0 } }, { SpecialToken: { id: '</s>', type_id: 0 } }],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: { '</s>': { id: '</s>', ids: [2], tokens: ['</s>'] } },
    },
    decoder: {
      type: 'Sequence',
      decoders: [{ type: 'ByteFallback' }, { type: 'Metaspace', replacement: '▁', prepend_scheme: 'always' }],
    },
    model: {
      type: 'Unigram',
      unk_id: 0,
      byte_fallback: true,
      vocab: [...pieces, ...byteTokens.map((token): [string, number] => [token, -20])],
    },
  };
}
