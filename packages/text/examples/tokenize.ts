import { createTokenizer } from '@tessera/text';

/** Encodes a text that spells a special token, both ways. */
export function tokenize(
  tokenizerJson: string,
  tokenizerConfig: string,
): { asText: number[]; asToken: number[]; decoded: string } {
  // #region tokenize
  const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfig, onWarning: console.warn });
  const asText = tokenizer.encode('The end.<|endoftext|>'); // what a user wrote stays text
  const asToken = tokenizer.encode('The end.<|endoftext|>', { parseSpecial: true }); // ends with tokenizer.eosId
  const decoded = tokenizer.decode(asText); // the text again
  // #endregion tokenize
  return { asText, asToken, decoded };
}
