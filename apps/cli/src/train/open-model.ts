import type { Model } from '@tessera/assembler';
import type { FileSource } from '@tessera/checkpoints';
import type { TextEncoderToIds } from '@tessera/data';
import type { Device } from '@tessera/tensor-core';
import { CpuDevice, FeatureUnavailableError, UnsupportedOptionError } from '@tessera/tensor-core';
import type { DeviceOptions } from '../devices/device-of.ts';
import { webgpuOf } from '../devices/device-of.ts';
import { cliAssembler, loadModel } from '../load-model.ts';
import type { Terminal } from '../terminal/terminal.ts';
import { drawModel } from './draw-model.ts';
import { openTokenizer } from './open-tokenizer.ts';
import type { Recipe } from './recipe.ts';

/**
 * The device that is named.
 * @throws {@link UnsupportedOptionError} for another name
 */
export async function openDevice(options: DeviceOptions, terminal: Terminal): Promise<Device> {
  const { device = 'auto' } = options;
  const known = await webgpuOf({ ...options, device }, terminal);
  if (known) return known;
  if (device === 'auto' || device === 'cpu') return new CpuDevice();
  throw new UnsupportedOptionError(`--device is ${JSON.stringify(device)}, expected auto, cpu or webgpu.`, {
    facts: { option: 'device', value: device },
  });
}

/** A model with what reads its texts. */
export interface OpenedModel {
  readonly model: Model;
  readonly encoder: TextEncoderToIds;
  /** Files that the model does not bring along itself. */
  readonly tokenizer: FileSource | undefined;
}

/**
 * The model of a recipe, in 32 bits where its weights are trained.
 * @throws {@link FeatureUnavailableError} when there is no tokenizer
 * @throws {@link UnsupportedOptionError} when the tokenizer has more ids than the model
 */
export async function openModel(
  recipe: Pick<Recipe, 'tokenizer' | 'loraRank' | 'heads' | 'spec' | 'seed'>,
  {
    device,
    source,
  }: { readonly device: Device; /** Absent: the recipe's spec is drawn. */ readonly source: string | undefined },
  terminal: Terminal,
): Promise<OpenedModel> {
  const { signal } = terminal;
  const given = recipe.tokenizer === undefined ? undefined : await openTokenizer(recipe.tokenizer, signal);
  const isAdapter = recipe.loraRank !== undefined || recipe.heads !== undefined;
  const model =
    source === undefined
      ? await drawModel(cliAssembler(), recipe.spec!, { device, seed: recipe.seed, signal }, given?.source)
      : await loadModel(source, { device, dtype: isAdapter ? 'auto' : 'fp32', precompile: false }, terminal);
  const encoder = given?.encoder ?? model.text?.tokenizer;
  if (!encoder)
    throw new FeatureUnavailableError(
      'There is no tokenizer, so texts cannot be read. Give --tokenizer: a directory with tokenizer.json, or bytes.',
    );
  const { vocabSize } = model.spec;
  if (encoder.vocabSize > vocabSize)
    throw new UnsupportedOptionError(
      `The tokenizer has ${encoder.vocabSize} ids, and the model a vocabulary of ${vocabSize}. Take a tokenizer of at most as many.`,
      { facts: { tokenizer: encoder.vocabSize, vocabSize } },
    );
  return { model, encoder, tokenizer: given?.source };
}
