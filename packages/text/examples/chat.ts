import { chatTemplateOf, encodeChat } from '@tessera/text';
import type { Tokenizer } from '@tessera/text';

/** Encodes a conversation for a chat model. */
export async function chat(tokenizer: Tokenizer, tokenizerConfig: string): Promise<number[]> {
  // #region chat
  const template = chatTemplateOf(tokenizerConfig);
  if (template === undefined) throw new Error('This model has no chat template; give it a prompt instead.');
  const messages = [{ role: 'user', content: 'What does <|im_end|> mean?' }]; // stays text
  const ids = await encodeChat(tokenizer, template, messages, { addGenerationPrompt: true, timeoutMs: 500 });
  // #endregion chat
  return ids;
}
