import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import { ConversationError, TemplateTimeoutError } from './chat-errors.ts';
import { maxTemplateLength } from './chat-template.ts';
import type { TemplateVariables } from './conversation.ts';
import type { RenderAnswer, RenderFailure, RenderRequest, RenderResult } from './template-protocol.ts';
import { exchange } from './template-worker-pool.ts';

/** Bounds on rendering a template, which is a program of somebody else. */
export interface TemplateLimits {
  /**
   * Time budget in milliseconds; the worker is stopped when it is over.
   * @defaultValue 2000
   */
  readonly timeoutMs?: number;
  /**
   * Most characters of the result and of every text on the way to it.
   * @defaultValue 1 000 000
   */
  readonly maxOutputLength?: number;
  /** Stops rendering; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The error that a failure of the template stands for. */
export function renderError({ kind, message, line }: RenderFailure): ModelFormatError | ConversationError {
  const facts = { file: 'chat template', kind, ...(line === undefined ? {} : { line }) };
  if (kind === 'refused')
    return new ConversationError(`The chat template refuses the conversation: ${message}`, { facts });
  if (kind === 'limit') return new ModelFormatError(`chat template: ${message}; it is stopped there.`, { facts });
  return new ModelFormatError(`chat template${line === undefined ? '' : `, line ${line}`}: ${message}`, { facts });
}

/** Renders a template with each set of variables, in a worker, within the limits. */
export async function runTemplate(
  template: string,
  variables: readonly TemplateVariables[],
  now: Date,
  limits: TemplateLimits,
): Promise<readonly RenderResult[]> {
  const { timeoutMs = 2000, maxOutputLength = 1_000_000, signal } = limits;
  if (!(timeoutMs > 0))
    throw new UnsupportedOptionError(`timeoutMs is ${timeoutMs}, expected a positive number.`, {
      facts: { option: 'timeoutMs' },
    });
  if (template.length > maxTemplateLength) {
    throw new ModelFormatError(
      `chat template: has ${template.length} characters, at most ${maxTemplateLength} are read.`,
      { facts: { file: 'chat template' } },
    );
  }
  const answer = (await exchange({
    message: { template, variables, now: now.getTime(), maxOutputLength } satisfies RenderRequest,
    timeoutMs,
    onTimeout: () =>
      new TemplateTimeoutError(`The chat template ran longer than ${timeoutMs} ms and was stopped.`, {
        facts: { timeoutMs },
      }),
    onFailed: (cause) =>
      new ModelFormatError(
        `chat template: rendering ended its worker (${cause instanceof Error ? cause.message : String(cause)}); it takes too much memory.`,
        { cause, facts: { file: 'chat template', kind: 'limit' } },
      ),
    signal,
  })) as RenderAnswer;
  if (answer.error !== undefined) throw renderError(answer.error);
  return answer.results;
}
