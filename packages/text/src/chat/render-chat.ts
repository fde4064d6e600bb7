import { templateVariables } from './conversation.ts';
import type { Conversation } from './conversation.ts';
import { renderError, runTemplate } from './run-template.ts';
import type { TemplateLimits } from './run-template.ts';

/**
 * Renders a conversation with a chat template, in a worker, since a template is a program that may run for ever.
 *
 * The text is for reading: encoding it with `parseSpecial` would let a message spell special tokens. {@link encodeChat} does not.
 *
 * @throws {@link ModelFormatError} if the template has a mistake (with its line where the template cannot be parsed) or grows too large.
 * @throws {@link TemplateTimeoutError} if it takes longer than `timeoutMs`.
 * @throws {@link ConversationError} if the template refuses the conversation, or a message is malformed.
 * @throws {@link FeatureUnavailableError} if no worker can be started.
 */
export async function renderChat(
  template: string,
  conversation: Conversation,
  limits: TemplateLimits = {},
): Promise<string> {
  const [result] = await runTemplate(
    template,
    [templateVariables(conversation)],
    conversation.now ?? new Date(),
    limits,
  );
  if (result === undefined || result.error !== undefined)
    throw renderError(result?.error ?? { kind: 'runtime', message: 'no result' });
  return result.text;
}
