import type { TextSegment, Tokenizer } from '../tokenizer/tokenizer.ts';
import { ConversationError } from './chat-errors.ts';
import { templateVariables } from './conversation.ts';
import type { ChatMessage, Conversation, TemplateVariables } from './conversation.ts';
import { markTemplate, unmark } from './marked-template.ts';
import { maskConversation, textsOf, unmask } from './masked-conversation.ts';
import { renderError, runTemplate } from './run-template.ts';
import type { TemplateLimits } from './run-template.ts';

/** How a conversation is encoded: what else the template sees, and the bounds on rendering it. */
export interface EncodeChatOptions extends Omit<Conversation, 'messages' | 'bosToken' | 'eosToken'>, TemplateLimits {}

/** Whether no text can begin or end a special token: then every one in the result begins and ends in what the template wrote. */
function isHarmless(texts: readonly string[], controlTokens: ReadonlySet<string>): boolean {
  const ends = new Set([...controlTokens].flatMap((token) => [token.charAt(0), token.charAt(token.length - 1)]));
  return texts.every((text) => !text.split('').some((unit) => ends.has(unit)));
}

async function safeSegments(
  template: string,
  variables: TemplateVariables,
  now: Date,
  controlTokens: ReadonlySet<string>,
  limits: TemplateLimits,
): Promise<readonly TextSegment[]> {
  const masked = maskConversation(variables, template);
  const [real, opaque] = await runTemplate(
    template,
    masked === undefined ? [variables] : [variables, masked.variables],
    now,
    limits,
  );
  if (real === undefined || real.error !== undefined)
    throw renderError(real?.error ?? { kind: 'runtime', message: 'no result' });
  const plain = real.text;

  if (masked !== undefined && opaque !== undefined && opaque.error === undefined) {
    const segments = unmask(masked, opaque.text, plain);
    if (segments !== undefined) return segments;
  }
  const texts = textsOf(variables);
  if (isHarmless(texts, controlTokens)) return [{ text: plain, parseSpecial: true }];

  const marked = markTemplate(template, variables, controlTokens);
  if (marked !== undefined) {
    const [result] = await runTemplate(marked.template, [marked.variables], now, limits);
    const segments =
      result === undefined || result.error !== undefined ? undefined : unmark(marked, result.text, plain, texts);
    if (segments !== undefined) return segments;
  }
  throw new ConversationError(
    'The chat template changes what it writes by the text of the messages, and a message spells a special token: which of them are meant cannot be told. Remove the special token from the message.',
    { facts: { reason: 'special-token' } },
  );
}

/**
 * Encodes a conversation with a chat template. Special tokens come from the template only: what a message spells stays text, also across the borders of
 * messages and parts.
 *
 * Where each token comes from is found in this order, and every way is checked against the plain rendering, so that the text is always exactly the
 * template's:
 * 1. The texts of the conversation are rendered as opaque characters; between them is what the template wrote.
 * 2. If the template looks at texts (tests, slices, splits them), but no text has a character that begins or ends a special token, all is parsed.
 * 3. Else the special tokens that the template itself writes are rendered as opaque characters; they are the special ones.
 * 4. Else the conversation is refused.
 *
 * {@includeCode ../../examples/chat.ts#chat}
 *
 * @throws {@link ConversationError} if the template refuses the conversation, or if neither way tells its special tokens from the messages' text.
 * @throws {@link ModelFormatError} if the template has a mistake or grows too large.
 * @throws {@link TemplateTimeoutError} if it takes longer than `timeoutMs`.
 * @throws {@link FeatureUnavailableError} if no worker can be started.
 * @throws {@link ContextOverflowError} if the rendered text is longer than the tokenizer takes.
 */
export async function encodeChat(
  tokenizer: Tokenizer,
  template: string,
  messages: readonly ChatMessage[],
  options: EncodeChatOptions = {},
): Promise<number[]> {
  const { timeoutMs, maxOutputLength, signal, ...conversation } = options;
  const limits = {
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(maxOutputLength === undefined ? {} : { maxOutputLength }),
    ...(signal === undefined ? {} : { signal }),
  };
  const spelled = (id: number | undefined): string | undefined =>
    id === undefined ? undefined : tokenizer.idToToken(id);
  const bosToken = spelled(tokenizer.bosId);
  const eosToken = spelled(tokenizer.eosId);
  const variables = templateVariables({
    ...conversation,
    messages,
    ...(bosToken === undefined ? {} : { bosToken }),
    ...(eosToken === undefined ? {} : { eosToken }),
  });
  return tokenizer.encodeSegments(
    await safeSegments(template, variables, conversation.now ?? new Date(), tokenizer.controlTokens, limits),
  );
}
