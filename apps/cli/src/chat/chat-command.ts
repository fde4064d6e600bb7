import type { Model } from '@tessera/assembler';
import { ModelFormatError } from '@tessera/tensor-core';
import type { ChatMessage } from '@tessera/text';
import type { Command } from 'commander';
import { generationSummary } from '../generate/generation-summary.ts';
import { streamGeneration } from '../generate/stream-generation.ts';
import { loadModel } from '../load-model.ts';
import { defineCommand } from '../options/define-command.ts';
import type { ModelOptions } from '../options/model-options.ts';
import { addModelOption, addModelOptions } from '../options/model-options.ts';
import type { SamplingArguments } from '../options/sampling-options.ts';
import { addSamplingOptions, generateOptionsOf } from '../options/sampling-options.ts';
import type { StreamOptions } from '../options/stream-options.ts';
import { addStreamOptions, cachePolicyOf } from '../options/stream-options.ts';
import { reportError } from '../report-error.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { writeLine, writeText } from '../terminal/write-text.ts';
import type { LineReader } from './read-lines.ts';
import { readLines } from './read-lines.ts';

interface ChatArguments extends ModelOptions, SamplingArguments, StreamOptions {
  readonly model: string;
  readonly system?: string;
}

const notes = `
While chatting: /clear forgets the conversation, /exit ends it, Ctrl-C ends an answer.

Examples:
  tessera chat --model ./my-model --sinks 4 --window 1020
  tessera chat --model ./my-model --system "Answer in one sentence."
  echo "Who wrote Hamlet?" | tessera chat --model ./my-model`;

/** `tessera chat`: a conversation in the terminal. */
export function chatCommand(terminal: Terminal): Command {
  const command = defineCommand('chat', terminal).description('Talk with a model that has a chat template.');
  addModelOption(command).option('--system <text>', 'system message');
  addSamplingOptions(command);
  return addModelOptions(addStreamOptions(command))
    .addHelpText('after', notes)
    .action((given: ChatArguments) => chat(given, terminal));
}

async function chat(given: ChatArguments, terminal: Terminal): Promise<void> {
  const model = await loadModel(given.model, { ...given, cachePolicy: cachePolicyOf(given) }, terminal);
  try {
    if (model.text?.chatTemplate === undefined)
      throw new ModelFormatError(
        `${given.model} has no chat template, so it cannot take a conversation. Use tessera generate --model ${given.model} --prompt <text>.`,
        { facts: { model: given.model } },
      );
    const lines = readLines(terminal);
    try {
      await converse(model, given, lines, terminal);
    } finally {
      lines.close();
    }
  } finally {
    await model.dispose();
  }
}

async function converse(model: Model, given: ChatArguments, lines: LineReader, terminal: Terminal): Promise<void> {
  const opening: readonly ChatMessage[] = given.system === undefined ? [] : [{ role: 'system', content: given.system }];
  let messages = [...opening];
  let answering: AbortController | undefined;
  lines.onInterrupt(() => (answering ? answering.abort(new Error('Interrupted.')) : lines.close()));
  if (lines.interactive)
    await writeLine(terminal.stderr, 'Type a message. /clear forgets the conversation, /exit ends it.');
  for (;;) {
    const line = (await lines.next('> '))?.trim();
    if (line === undefined || line === '/exit') return;
    if (line === '/clear') messages = [...opening];
    else if (line !== '') {
      answering = new AbortController();
      const asked: ChatMessage[] = [...messages, { role: 'user', content: line }];
      const answer = await answerTo(model, asked, given, answering.signal, lines, terminal);
      answering = undefined;
      if (answer !== undefined) messages = [...asked, { role: 'assistant', content: answer }];
    }
  }
}

/** Writes an answer; undefined when it failed and a person may go on without it. */
async function answerTo(
  model: Model,
  messages: readonly ChatMessage[],
  given: ChatArguments,
  stopped: AbortSignal,
  { interactive }: LineReader,
  { stdout, stderr, signal }: Terminal,
): Promise<string | undefined> {
  const options = { ...generateOptionsOf(given), signal: AbortSignal.any([signal, stopped]) };
  try {
    const { result, aborted } = await streamGeneration(model, messages, options, (text) => writeText(stdout, text));
    if (!result.text.endsWith('\n')) await writeLine(stdout);
    if (aborted && !stopped.aborted) throw aborted.reason;
    await writeLine(stderr, generationSummary(model, result));
    return result.text;
  } catch (error) {
    if (!interactive || signal.aborted) throw error;
    reportError(stderr, 'chat', error);
    return undefined;
  }
}
