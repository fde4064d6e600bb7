import type { CachePolicy } from '@tessera/plugin';
import { sinkCache } from '@tessera/streaming-sinks';
import type { Command } from 'commander';
import { integerArgument } from './number-arguments.ts';

/** Options about what is kept of a long text. */
export interface StreamOptions {
  readonly sinks?: number;
  readonly window?: number;
}

/** Published models hold on to that many first tokens. */
const usualSinks = 4;

/** Adds `--sinks` and `--window`. */
export function addStreamOptions(command: Command): Command {
  return command
    .option(
      '--window <n>',
      'go on without end at flat memory: a token sees the last n tokens, itself among them, and the sinks',
      integerArgument(1),
    )
    .option(
      '--sinks <n>',
      `first tokens that are kept for ever, with --window (default: ${usualSinks}; 0: a plain window)`,
      integerArgument(0),
    )
    .hook('preAction', () => {
      if (command.getOptionValue('sinks') !== undefined && command.getOptionValue('window') === undefined)
        command.error('error: --sinks says what is kept beside a window. Give --window <n>, too.');
    });
}

/** The policy that the options ask for; undefined: texts are as long as the context. */
export function cachePolicyOf({ sinks = usualSinks, window }: StreamOptions): CachePolicy | undefined {
  return window === undefined ? undefined : sinkCache({ sinks, window });
}
