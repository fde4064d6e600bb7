import type { Command } from 'commander';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import { addGpuOptions } from '../devices/gpu-options.ts';
import { defineCommand } from '../options/define-command.ts';
import { addModelOption } from '../options/model-options.ts';
import { integerArgument, numberArgument } from '../options/number-arguments.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { targetsArgument } from '../train/lora-recipe.ts';
import type { GivenRecipe } from '../train/recipe.ts';
import { completeRecipe } from '../train/recipe.ts';
import type { LinearizeOptions } from './run-linearize.ts';
import { runLinearize } from './run-linearize.ts';

interface LinearizeArguments extends GivenRecipe, LinearizeOptions {
  readonly mixerConfig?: object;
}

const notes = `
The directory of --out is a model that generate, eval and train load. On standard output: the validation loss of the model with
softmax attention, right after the swap, and after the fine-tuning. What both models have is copied: projections, norms, rotary
positions, everything outside of the attention. With --lora-rank the copied maps learn changes of that rank, which are merged
at the end, and what is new learns as it is; else all weights are trained. The end of each file is kept for validation.

Examples:
  tessera linearize --model ./my-model --data book.txt --steps 500 --out ./linear
  tessera linearize --model ./my-model --data stories --steps 300 --lora-rank 16 --out ./linear
  tessera linearize --model ./my-model --data *.txt --steps 500 --mixer kernel-attention --out ./plain
  tessera linearize --model ./my-model --data *.txt --steps 500 --mixer-config '{"group": 32}' --layers 1,3 --out ./half`;

/** `tessera linearize`: linear attention in place of a trained model's softmax attention, fine-tuned. */
export function linearizeCommand(terminal: Terminal): Command {
  const command = addModelOption(defineCommand('linearize', terminal))
    .description('Replace the softmax attention of a trained model by a linear one, and fine-tune.')
    .option('--mixer <name>', 'what comes in its place (default: grouped-linear-attention)')
    .option('--mixer-config <json>', 'settings of it, beside those that follow from the attention', jsonArgument)
    .option('--layers <numbers>', 'layers that change: 0,2,5 (default: all with softmax attention)', layersArgument)
    .option('--data <files...>', 'files of text, or of JSONL with a field "text"; or stories: generated, without end')
    .option('--tokenizer <dir>', 'directory with tokenizer.json, or bytes (default: that of the model)')
    .option('--steps <n>', 'steps of fine-tuning, 0 for the swap alone', integerArgument(0))
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
    ) // prettier-ignore
    .option('--clip <x>', "limit of the gradient's norm, 0 for none (default: 1)", numberArgument)
    .option('--seed <n>', 'of what is drawn and of the order of texts (default: 0)', integerArgument(0))
    .option('--validation <x>', 'part of each file that is kept apart (default: 0.05)', numberArgument)
    .option('--recompute <what>', 'none, or layers: less memory for a third more work (default: none)')
    .option('--dtype <dtype>', 'element type of the saved weights: fp32, fp16 or bf16 (default: fp32)')
    .option('--lora-rank <n>', 'changes of this rank for what was copied', integerArgument(1))
    .option('--lora-alpha <x>', 'they are scaled by alpha / rank (default: the rank)', numberArgument)
    .option('--lora-targets <names>', 'which maps they change (default: all-linear)', targetsArgument)
    .option('--rslora', 'scale by alpha / √rank')
    .requiredOption('-o, --out <dir>', 'directory to write')
    .option('--device <device>', 'auto, cpu or webgpu; auto takes WebGPU where there is a GPU', 'auto');
  return addGpuOptions(command)
    .option('--json', 'one line of JSON')
    .addHelpText('after', notes)
    .action(
      async ({
        mixer,
        mixerConfig,
        layers,
        out,
        json,
        device,
        gpuFeatures,
        without,
        steps,
        ...given
      }: LinearizeArguments) => {
        // A recipe trains; the swap alone takes no step of it.
        const recipe = completeRecipe({ ...given, ...(steps !== undefined && { steps: Math.max(steps, 1) }) });
        await runLinearize(
          { ...recipe, model: given.model!, steps: steps === 0 ? 0 : recipe.steps },
          {
            out,
            ...(mixer !== undefined && { mixer }),
            ...(mixerConfig && { config: mixerConfig }),
            ...(layers && { layers }),
            ...(json && { json }),
            ...(device !== undefined && { device }),
            ...(gpuFeatures && { gpuFeatures }),
            ...(without && { without }),
          },
          terminal,
        );
      },
    );
}

function jsonArgument(text: string): object {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UnsupportedOptionError(`--mixer-config is not JSON: ${text}. Give a record, as '{"group": 32}'.`, {
      cause,
    });
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new UnsupportedOptionError(`--mixer-config is ${text}, expected a record, as '{"group": 32}'.`);
}

function layersArgument(text: string): readonly number[] {
  const layers = text.split(',').map((part) => Number(part.trim() === '' ? NaN : part));
  if (layers.every((layer) => Number.isInteger(layer) && layer >= 0)) return layers;
  throw new UnsupportedOptionError(`--layers is ${text}, expected numbers from 0 with commas between, as 0,2,5.`);
}
