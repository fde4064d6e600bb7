import type { Command } from 'commander';
import { defineCommand } from '../options/define-command.ts';
import { addDeviceOptions } from '../options/model-options.ts';
import { integerArgument } from '../options/number-arguments.ts';
import type { Terminal } from '../terminal/terminal.ts';
import type { ReplayOptions } from './replay/replay.ts';
import { replay } from './replay/replay.ts';

interface TrainArguments extends ReplayOptions {
  readonly replay?: string;
}

/** `tessera train`. */
export function trainCommand(terminal: Terminal): Command {
  const command = defineCommand('train', terminal)
    .description('Train a model, or replay a training of a reference implementation.')
    .option('--replay <dir>', 'compare losses and gradient norms with trajectory.json of a directory')
    .option('--steps <n>', 'steps in all', integerArgument(1));
  return addDeviceOptions(command)
    .option('--json', 'one line of JSON')
    .action(async (given: TrainArguments) => {
      if (given.replay !== undefined) await replay(given.replay, given, terminal);
      else command.error('error: --replay is missing.');
    });
}
