import type { Command } from 'commander';
import { integerArgument, numberArgument } from '../options/number-arguments.ts';

/** Adds what every training is told: texts, sizes, optimiser, schedule, and when it is saved. */
export function addTrainingOptions(command: Command): Command {
  return command
    .option('--data <files...>', 'files of text, or of JSONL with a field "text"; or stories: generated, without end')
    .option('--tokenizer <dir>', 'directory with tokenizer.json, or bytes (default: that of the model)')
    .option('--steps <n>', 'steps in all', integerArgument(1))
    .option('--tokens <n>', 'tokens in all, instead of steps', integerArgument(1))
    .option('--batch <n>', 'rows of a batch (default: 8)', integerArgument(1))
    .option('--context <n>', 'tokens that predict in each row (default: 128)', integerArgument(1))
    .option('--accumulate <n>', 'batches of a step (default: 1)', integerArgument(1))
    .option('--optimizer <name>', 'adamw, sgd or muon (default: adamw)')
    .option('--lr <x>', 'learning rate (default: 0.001; of muon 0.02, of sgd 0.1)', numberArgument)
    .option('--weight-decay <x>', 'of matrices (default: 0.1; of sgd 0)', numberArgument)
    .option('--schedule <name>', 'constant, linear, cosine or warmup-stable-decay (default: cosine)')
    .option(
      '--warmup <n>',
      'steps in which the learning rate rises (default: a tenth, 100 at most)',
      integerArgument(0),
    )
    .option('--floor <x>', 'part of the learning rate that is left at the end (default: 0)', numberArgument)
    .option('--clip <x>', "limit of the gradient's norm, 0 for none (default: 1)", numberArgument)
    .option('--seed <n>', 'of first weights and of the order of texts (default: 0)', integerArgument(0))
    .option('--validation <x>', 'part of each file that is kept apart (default: 0.05)', numberArgument)
    .option(
      '--save-every <n>',
      'steps between saves, each with an evaluation (default: a tenth, 500 at most)',
      integerArgument(1),
    );
}
