import type { Command } from 'commander';
import { defineCommand } from '../options/define-command.ts';
import { addGpuOptions } from '../devices/gpu-options.ts';
import { integerArgument, numberArgument } from '../options/number-arguments.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { targetsArgument } from './lora-recipe.ts';
import { recipeOf } from './recipe-of.ts';
import type { GivenRecipe } from './recipe.ts';
import type { ReplayOptions } from './replay/replay.ts';
import { replay } from './replay/replay.ts';
import type { RunOptions } from './run-training.ts';
import { runTraining } from './run-training.ts';
import { addTrainingOptions } from './training-options.ts';

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
    .option('--recipe <file>', 'file of options, by the names that recipe.json has; those given here come first');
  addTrainingOptions(command)
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
  const complete = await recipeOf(command, { given: recipe, file, resume, out }, terminal);
  await runTraining(complete, { ...options, out, ...(resume && { resume }) }, terminal);
}
