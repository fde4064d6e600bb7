import type { GenerateOptions } from '@tessera/assembler';
import type { Command } from 'commander';
import { idsArgument, integerArgument, numberArgument } from './number-arguments.ts';
import { readEscapes } from './escapes.ts';

/** Options about the choice of tokens and when to stop. What is absent is left to the checkpoint. */
export interface SamplingArguments {
  readonly maxNewTokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly presencePenalty?: number;
  readonly frequencyPenalty?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
  readonly stopTokenIds?: readonly number[];
  readonly ignoreEos?: boolean;
  readonly escapes?: boolean;
}

/** Adds the options of {@link SamplingArguments}. */
export function addSamplingOptions(command: Command): Command {
  return command
    .option('-n, --max-new-tokens <n>', 'new tokens at most', integerArgument(0))
    .option('-t, --temperature <t>', '0 always takes the most likely token', numberArgument)
    .option('--top-k <n>', 'choose among the n most likely tokens', integerArgument(0))
    .option('--top-p <p>', 'choose among the most likely tokens that together have probability p', numberArgument)
    .option('--min-p <p>', 'choose among tokens of at least p times the highest probability', numberArgument)
    .option('--repetition-penalty <x>', 'divides the scores of tokens seen before', numberArgument)
    .option('--presence-penalty <x>', 'taken from the scores of tokens generated before', numberArgument)
    .option('--frequency-penalty <x>', 'the same, times how often', numberArgument)
    .option('--seed <n>', 'the same seed gives the same text', integerArgument(0))
    .option('--stop <text...>', 'texts that end generation')
    .option('--stop-token-ids <ids>', 'ids that end generation, such as 1,2', idsArgument)
    .option('--ignore-eos', 'go on past the end-of-sequence token')
    .option('-e, --escapes', String.raw`read \n, \t, \\ … in texts of the command line`);
}

/** The options for the model. */
export function generateOptionsOf(given: SamplingArguments): GenerateOptions {
  const { maxNewTokens, temperature, topK, topP, minP, seed, stop, stopTokenIds, ignoreEos, escapes } = given;
  const { repetitionPenalty, presencePenalty, frequencyPenalty } = given;
  const all = {
    maxNewTokens,
    temperature,
    topK,
    topP,
    minP,
    repetitionPenalty,
    presencePenalty,
    frequencyPenalty,
    seed,
    stop: escapes ? stop?.map(readEscapes) : stop,
    stopTokenIds,
    ignoreEos,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as GenerateOptions;
}
