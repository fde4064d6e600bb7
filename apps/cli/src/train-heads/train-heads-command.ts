import type { Command } from 'commander';
import { addGpuOptions } from '../devices/gpu-options.ts';
import { defineCommand } from '../options/define-command.ts';
import { integerArgument } from '../options/number-arguments.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { recipeOf } from '../train/recipe-of.ts';
import type { GivenRecipe } from '../train/recipe.ts';
import type { RunOptions } from '../train/run-training.ts';
import { runTraining } from '../train/run-training.ts';
import { addTrainingOptions } from '../train/training-options.ts';

interface TrainHeadsArguments extends GivenRecipe, RunOptions {
  readonly recipe?: string;
}

/** Heads of a model that is told nothing of them. */
const usualHeads = 3;

const notes = `
The model is only read. The directory of --out is for --speculative heads=<dir> of generate: head k says what comes k + 1 tokens after the
next one. Beside the heads lie recipe.json, metrics.jsonl, loss.svg, and training.safetensors, from which --resume goes on exactly. Ctrl-C saves.
On standard output: how often each head is right about texts that are kept apart, and the loss, a sum over heads of which later ones count less.

Examples:
  tessera train-heads --model ./my-model --data book.txt --steps 500 --out ./my-heads
  tessera train-heads --recipe specs/story-llama-heads.json --out ./story-heads
  tessera train-heads --model ./my-model --data *.txt --steps 2000 --heads 4 --head-blocks 2 --dtype bf16 --out ./my-heads
  tessera train-heads --resume --out ./my-heads --steps 1000`;

/** `tessera train-heads`: trains draft heads of a model, or goes on with such a training. */
export function trainHeadsCommand(terminal: Terminal): Command {
  const command = defineCommand('train-heads', terminal)
    .description('Train draft heads of a model, for speculative decoding.')
    .option('-m, --model <source>', 'directory or address of the checkpoint that they belong to')
    .option('--recipe <file>', 'file of options, by the names that recipe.json has; those given here come first')
    .option('--heads <n>', `number of heads (default: ${usualHeads})`, integerArgument(1))
    .option('--head-blocks <n>', 'residual blocks of each head (default: 1)', integerArgument(1))
    .option('--own-output', "an output matrix for each head; else all use the model's")
    .option('--dtype <dtype>', 'element type of the saved heads: fp32, fp16 or bf16 (default: fp32)');
  addTrainingOptions(command)
    .requiredOption('-o, --out <dir>', 'directory to write')
    .option('--resume', 'go on with the training in --out')
    .option('--device <device>', 'auto, cpu or webgpu; auto takes WebGPU where there is a GPU', 'auto');
  return addGpuOptions(command)
    .option('--json', 'one line of JSON')
    .addHelpText('after', notes)
    .action((given: TrainHeadsArguments) => trainHeads(command, given, terminal));
}

async function trainHeads(command: Command, given: TrainHeadsArguments, terminal: Terminal): Promise<void> {
  const { recipe: file, out, resume, json, device, gpuFeatures, without, ...asked } = given;
  const recipe = await recipeOf(command, { given: asked, file, resume, out, usual: { heads: usualHeads } }, terminal);
  await runTraining(
    recipe,
    {
      out,
      ...(resume && { resume }),
      ...(json && { json }),
      ...(device !== undefined && { device }),
      ...(gpuFeatures && { gpuFeatures }),
      ...(without && { without }),
    },
    terminal,
  );
}
