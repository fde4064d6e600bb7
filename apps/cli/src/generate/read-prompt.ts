import { text } from 'node:stream/consumers';
import type { Command } from 'commander';
import { readEscapes } from '../options/escapes.ts';
import { readTextFile } from '../read-text-file.ts';
import type { Terminal } from '../terminal/terminal.ts';

/** The ways to give a prompt, of which exactly one is used. */
export interface PromptArguments {
  readonly prompt?: string;
  readonly promptFile?: string;
  readonly promptIds?: readonly number[];
  readonly escapes?: boolean;
}

/** The prompt that the command line names; usage errors end the command. */
export async function readPrompt(
  { prompt, promptFile, promptIds, escapes }: PromptArguments,
  command: Command,
  terminal: Terminal,
): Promise<string | readonly number[]> {
  const given = [prompt, promptFile, promptIds].filter((way) => way !== undefined).length;
  if (given !== 1)
    command.error(
      `error: expected one of --prompt <text>, --prompt-file <file> and --prompt-ids <ids>, and ${given === 0 ? 'none' : 'several'} were given.`,
    );
  if (promptIds) return promptIds;
  if (prompt !== undefined) return escapes ? readEscapes(prompt) : prompt;
  return promptFile === '-' ? text(terminal.stdin) : readTextFile(promptFile!, terminal.signal);
}
