/** What a tokenizer file may hold at most. Far above published models, far below what hurts. */
export const limits = {
  /** Characters of a JSON file. */
  json: 268_435_456,
  /** Ids, so also entries of the vocabulary. */
  vocabulary: 4_194_304,
  /** Merges of a BPE model. */
  merges: 8_388_608,
  /** Characters of one token. */
  token: 8192,
  /** Added tokens. */
  addedTokens: 262_144,
  /** Characters of one regular expression. */
  pattern: 20_000,
  /** Nested components, such as a sequence in a sequence. */
  componentDepth: 8,
  /** Components of one kind in all. */
  components: 256,
} as const;
