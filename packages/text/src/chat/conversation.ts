import { ConversationError } from './chat-errors.ts';

/** One part of a message whose content is a list. */
export interface ChatContentPart {
  readonly type: string;
  readonly text?: string;
  readonly [field: string]: unknown;
}

/** A message as chat templates know it; further fields (`tool_calls`, `name`, `reasoning_content`, …) reach the template as they are. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or whatever else the template knows: a letter, then letters, digits, `_` and `-`. */
  readonly role: string;
  readonly content?: string | readonly ChatContentPart[] | null;
  readonly [field: string]: unknown;
}

/** What a chat template is rendered with. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  /**
   * Ends with the opening of the assistant's turn.
   * @defaultValue false
   */
  readonly addGenerationPrompt?: boolean;
  /** Tools as JSON schemas of functions, in the form that the template expects. */
  readonly tools?: readonly unknown[];
  /** Spelling of the token that begins a sequence. */
  readonly bosToken?: string;
  /** Spelling of the token that ends a sequence. */
  readonly eosToken?: string;
  /** Further variables of the template, such as `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /**
   * What the template's `strftime_now` sees.
   * @defaultValue the current time
   */
  readonly now?: Date;
}

/** The variables of a template, as plain JSON. */
export type TemplateVariables = Readonly<Record<string, unknown>>;

const rolePattern = /^[A-Za-z][\w-]{0,63}$/;
const reserved = [
  'messages',
  'add_generation_prompt',
  'tools',
  'bos_token',
  'eos_token',
  'range',
  'raise_exception',
  'strftime_now',
  'true',
  'false',
  'none',
  'True',
  'False',
  'None',
];

/** Checks a conversation and makes the variables of its template, copied, so that nothing but data reaches the worker. */
export function templateVariables(conversation: Conversation): TemplateVariables {
  const { messages, addGenerationPrompt = false, tools, bosToken, eosToken, variables = {} } = conversation;
  if (!Array.isArray(messages)) throw new ConversationError('messages is not a list of { role, content }.');
  for (const [index, message] of (messages as readonly unknown[]).entries()) {
    const role: unknown = typeof message === 'object' && message !== null ? (message as ChatMessage).role : undefined;
    // Templates write the role between special tokens, so it must not be able to spell one.
    if (typeof role !== 'string' || !rolePattern.test(role)) {
      throw new ConversationError(
        `messages[${index}].role must be a name such as "user": a letter, then letters, digits, "_" and "-".`,
        { facts: { index } },
      );
    }
  }
  for (const name of Object.keys(variables)) {
    if (reserved.includes(name))
      throw new ConversationError(`variables.${name} would hide what the template knows under this name.`, {
        facts: { name },
      });
  }
  const all = {
    ...variables,
    messages,
    add_generation_prompt: addGenerationPrompt,
    // Templates test `tools is not none` as well as `tools is defined`.
    tools: tools === undefined || tools.length === 0 ? null : tools,
    ...(bosToken === undefined ? {} : { bos_token: bosToken }),
    ...(eosToken === undefined ? {} : { eos_token: eosToken }),
  };
  try {
    return JSON.parse(JSON.stringify(all)) as TemplateVariables;
  } catch (cause) {
    throw new ConversationError(`The conversation is not plain data (${(cause as Error).message}).`, { cause });
  }
}
