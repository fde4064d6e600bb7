import type { Command } from 'commander';
import type { DeviceOptions } from '../devices/device-of.ts';
import { addGpuOptions } from '../devices/gpu-options.ts';
import { integerArgument } from './number-arguments.ts';

/** Options about how a model is loaded. */
export interface ModelOptions extends DeviceOptions {
  readonly dtype?: string;
  readonly contextLength?: number;
  /** Directory or address of an adapter, merged into the weights. */
  readonly adapter?: string;
}

/** Adds `--model`, without which the command ends. Checked last, so that a mistyped option is told of first. */
export function addModelOption(command: Command): Command {
  return command.option('-m, --model <source>', 'directory or address of a checkpoint').hook('preAction', () => {
    if (command.getOptionValue('model') === undefined)
      command.error('error: --model is missing, expected the directory or address of a checkpoint.');
  });
}

/** Adds `--adapter`. */
export function addAdapterOption(command: Command): Command {
  return command.option('--adapter <source>', 'directory or address of a LoRA adapter, merged into the weights');
}

/** Adds `--adapter`, `--device`, `--dtype` and `--context-length`. Which devices and dtypes there are, the assembler knows. */
export function addModelOptions(command: Command): Command {
  return addDeviceOptions(addAdapterOption(command)).option(
    '--context-length <n>',
    'positions of prompt and new tokens together (default: those of the checkpoint)',
    integerArgument(1),
  );
}

/** Adds `--device`, what there is to say about WebGPU, and `--dtype`. */
export function addDeviceOptions(
  command: Command,
  dtype: { default: string; help: string } = { default: 'auto', help: 'auto keeps that of the checkpoint' },
): Command {
  command.option('--device <device>', 'auto, cpu or webgpu; auto takes WebGPU where there is a GPU', 'auto');
  return addGpuOptions(command).option(
    '--dtype <dtype>',
    `how weights are kept: auto, fp32, fp16 or bf16; ${dtype.help}`,
    dtype.default,
  );
}
