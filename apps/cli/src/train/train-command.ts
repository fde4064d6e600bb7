import type { Command } from 'commander';
import { defineCommand } from '../options/define-command.ts';
import { addGpuOptions } from '../devices/gpu-options.ts';
import { integerArgument, numberArgument } from '../options/number-arguments.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { targetsArgument } from './lora-recipe.ts';
import type { GivenRecipe } from './recipe.ts';
import { completeRecipe, openRecipe, readRecipe } from './recipe.ts';
import type { ReplayOptions } from './replay/replay.ts';
import { replay } from './replay/replay.ts';
import type { RunOptions } from './run-training.ts';
import { runTraining } from './run-training.ts';

interface TrainArguments extends GivenRecipe, Omit<ReplayOptions, 'steps'>, Omit<RunOptions, 'out'> {
  readonly replay?: string;
  readonly recipe?: string;
  readonly out?: string;
}

const notes = `
The directory of --out is a model that generate, eval and other programs load. Beside it lie training.safetensors, from which
--resume goes on exactly; recipe.json, the options; metrics.jsonl, a line for each step; and loss.svg. Ctrl-C saves.
With --lora-rank it is an adapter as PEFT writes it, for --adapter of generate, chat, eval and convert; --model is only read.
With --resume, options that are not given are those of the recipe. The end of each file is kept for validation.

Examples:
  tessera train --recipe specs/story-llama.json --out ./stories
  tessera train --model ./my-model --data book.txt --steps 500 --out ./tuned
  tessera train --model ./my-model --data book.txt --steps 500 --lora-rank 8 --lora-targets q_proj,v_proj --out ./adapter
  tessera train --spec config.json --tokenizer bytes --data *.txt --tokens 2e6 --optimizer muon --out ./new
  tessera train --resume --out ./new --steps 4000`;

/** `tessera train`: trains a model, goes on with a training, or compares one with that of a reference implementation. */
export function trainCommand(terminal: Terminal): Command {
  const command = defineCommand('train', terminal)
    .description('Train a model, or replay a training of a reference implementation.')
    .option('-m, --model <source>', 'directory or address of a checkpoint to train on')
    .option('--spec <file>', 'file with a spec or a published config.json: a new model')
    .option('--recipe <file>', 'file of options, by the names that recipe.json has; those given here come first')
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
    )
    .option('--recompute <what>', 'none, or layers: less memory for a third more work (default: none)')
    .option('--dtype <dtype>', 'element type of the saved weights: fp32, fp16 or bf16 (default: that of the model)')
    .option('--keep <which>', 'last, or best: the weights of the lowest validation loss (default: last)')
    .option('--lora-rank <n>', 'train a LoRA adapter of this rank in place of the weights', integerArgument(1))
    .option('--lora-alpha <x>', 'its changes are scaled by alpha / rank (default: the rank)', numberArgument)
    .option(
      '--lora-targets <names>',
      'which maps it changes: q_proj,v_proj, or /a regular expression/ (default: all-linear)',
      targetsArgument,
    )
    .option('--rslora', 'scale by alpha / √rank')
    .option('-o, --out <dir>', 'directory to write')
    .option('--resume', 'go on with the training in --out')
    .option('--replay <dir>', 'compare losses and gradient norms with trajectory.json of a directory')
    .option('--device <device>', 'auto, cpu or webgpu; auto takes WebGPU where there is a GPU', 'auto');
  return addGpuOptions(command)
    .option('--json', 'one line of JSON')
    .addHelpText('after', notes)
    .action((given: TrainArguments) => train(command, given, terminal));
}

async function train(command: Command, given: TrainArguments, terminal: Terminal): Promise<void> {
  const { replay: directory, recipe: file, out, resume, json, device, gpuFeatures, without, ...recipe } = given;
  const options = {
    ...(device !== undefined && { device }),
    ...(gpuFeatures && { gpuFeatures }),
    ...(without && { without }),
    ...(json && { json }),
  };
  if (directory !== undefined) {
    const { steps, ...other } = recipe;
    const [useless] = [
      ...Object.keys(other),
      ...(file === undefined ? [] : ['recipe']),
      ...(out === undefined ? [] : ['out']),
      ...(resume ? ['resume'] : []),
    ];
    if (useless !== undefined)
      command.error(`error: --replay is given all but --steps by its directory, not by --${useless}.`);
    await replay(directory, { ...options, ...(steps !== undefined && { steps }) }, terminal);
    return;
  }
  if (out === undefined) command.error('error: --out is missing, expected the directory to write.');
  if (resume && file !== undefined)
    command.error('error: --resume goes on with the recipe in --out, not with --recipe.');
  await runTraining(
    completeRecipe(
      merged(
        resume ? await readRecipe(out) : file === undefined ? {} : await openRecipe(file, terminal.signal),
        recipe,
      ),
    ),
    { ...options, out, ...(resume && { resume }) },
    terminal,
  );
}

/** What is given now comes before what stands in a file; of two ways to say one thing, that of now alone is left. */
function merged(before: GivenRecipe, now: GivenRecipe): GivenRecipe {
  const { model, spec, steps, tokens, ...rest } = before;
  return {
    ...rest,
    ...(now.model === undefined &&
      now.spec === undefined && { ...(model !== undefined && { model }), ...(spec !== undefined && { spec }) }),
    ...(now.steps === undefined &&
      now.tokens === undefined && { ...(steps !== undefined && { steps }), ...(tokens !== undefined && { tokens }) }),
    ...now,
  };
}
