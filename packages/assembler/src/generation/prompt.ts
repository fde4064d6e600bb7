import { FeatureUnavailableError, ModelFormatError, ShapeError, UnsupportedOptionError } from '@tessera/tensor-core';
import { encodeChat } from '@tessera/text';
import type { ChatMessage, Tokenizer } from '@tessera/text';
import type { Model, ModelText } from '../model/model.ts';
import type { GenerateOptions } from './options.ts';

/** What a model can be asked to continue. */
export type Prompt = string | readonly number[] | readonly ChatMessage[];

/**
 * Ids of a prompt.
 * @throws {@link FeatureUnavailableError} for text when the checkpoint has no tokenizer
 * @throws {@link ModelFormatError} for messages when it has no chat template
 * @throws {@link UnsupportedOptionError} for an option that does not go with the kind of prompt
 * @throws {@link ShapeError} for an empty prompt or an id outside the vocabulary
 */
export async function promptIds(model: Model, prompt: Prompt, options: GenerateOptions): Promise<number[]> {
  const ids = await encode(model, prompt, options);
  if (ids.length === 0)
    throw new ShapeError('The prompt has no tokens. Give at least one, for example the beginning-of-sequence token.');
  model.checkIds(ids, 'prompt');
  return ids;
}

async function encode(
  model: Model,
  prompt: Prompt,
  { parseSpecial = false, addSpecialTokens = false, signal }: GenerateOptions,
): Promise<number[]> {
  const { text } = model;
  if (typeof prompt === 'string') return tokenizerOf(text).encode(prompt, { parseSpecial, addSpecialTokens });
  const ids = isIds(prompt);
  for (const [option, value] of Object.entries({ parseSpecial, addSpecialTokens }))
    if (value)
      throw new UnsupportedOptionError(
        `generate: ${option} is for prompts that are plain text; ${ids ? 'token ids are taken as they are' : 'the chat template says where special tokens stand'}. Leave it out.`,
        { facts: { option, value } },
      );
  if (ids) return [...prompt];
  const tokenizer = tokenizerOf(text);
  if (text?.chatTemplate === undefined)
    throw new ModelFormatError(
      `The checkpoint has no chat template, so it cannot take messages. Use generate with a plain text prompt.`,
    );
  return encodeChat(tokenizer, text.chatTemplate, prompt, {
    addGenerationPrompt: true,
    ...(signal && { signal }),
  });
}

function isIds(prompt: readonly number[] | readonly ChatMessage[]): prompt is readonly number[] {
  return prompt.length === 0 || typeof prompt[0] === 'number';
}

function tokenizerOf(text: ModelText | undefined): Tokenizer {
  if (text) return text.tokenizer;
  throw new FeatureUnavailableError('The checkpoint has no tokenizer.json, so the prompt must be token ids.');
}
