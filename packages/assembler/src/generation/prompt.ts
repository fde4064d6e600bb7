import { FeatureUnavailableError, ModelFormatError, ShapeError } from '@tessera/tensor-core';
import { encodeChat } from '@tessera/text';
import type { ChatMessage } from '@tessera/text';
import type { Model } from '../model/model.ts';
import type { GenerateOptions } from './options.ts';

/** What a model can be asked to continue. */
export type Prompt = string | readonly number[] | readonly ChatMessage[];

/**
 * Ids of a prompt.
 * @throws {@link FeatureUnavailableError} for text when the checkpoint has no tokenizer
 * @throws {@link ModelFormatError} for messages when it has no chat template
 * @throws {@link ShapeError} for an empty prompt or an id outside the vocabulary
 */
export async function promptIds(model: Model, prompt: Prompt, options: GenerateOptions): Promise<number[]> {
  const ids = await encode(model, prompt, options);
  if (ids.length === 0)
    throw new ShapeError('The prompt has no tokens. Give at least one, for example the beginning-of-sequence token.');
  model.checkIds(ids);
  return ids;
}

async function encode(
  model: Model,
  prompt: Prompt,
  { parseSpecial = false, addSpecialTokens = false, signal }: GenerateOptions,
): Promise<number[]> {
  if (isIds(prompt)) return [...prompt];
  const { text } = model;
  if (!text)
    throw new FeatureUnavailableError('The checkpoint has no tokenizer.json, so the prompt must be token ids.');
  if (typeof prompt === 'string') return text.tokenizer.encode(prompt, { parseSpecial, addSpecialTokens });
  if (text.chatTemplate === undefined)
    throw new ModelFormatError(
      `The checkpoint has no chat template, so it cannot take messages. Use generate with a plain text prompt.`,
    );
  return encodeChat(text.tokenizer, text.chatTemplate, prompt as readonly ChatMessage[], {
    addGenerationPrompt: true,
    ...(signal && { signal }),
  });
}

function isIds(prompt: Prompt): prompt is readonly number[] {
  return typeof prompt !== 'string' && (prompt.length === 0 || typeof prompt[0] === 'number');
}
