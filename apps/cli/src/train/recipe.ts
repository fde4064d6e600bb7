import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '@tessera/checkpoints';
import type { SaveOptions } from '@tessera/assembler';
import type { PublishedConfig } from '@tessera/plugin';
import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import type { OptimizerOptions, Schedule } from '@tessera/training';
import { readTextFile } from '../read-text-file.ts';
import type { HeadsRecipe } from './heads-recipe.ts';
import { completeHeads } from './heads-recipe.ts';
import type { LoraRecipe } from './lora-recipe.ts';
import { completeLora } from './lora-recipe.ts';

/** What makes a training what it is: options of the command line, kept beside the model so that it can be continued. */
export interface Recipe extends LoraRecipe, HeadsRecipe {
  /** Directory or address of a model whose weights are trained on; absent: `spec` is. */
  readonly model?: string;
  /** A spec, or a published config.json, whose weights are drawn: as it is, or the file that holds it. */
  readonly spec?: string | PublishedConfig;
  /** Files, or `stories` alone. */
  readonly data: readonly string[];
  /** Directory with tokenizer.json, that file, or `bytes`; absent: that of the model. */
  readonly tokenizer?: string;
  readonly steps: number;
  readonly batch: number;
  readonly context: number;
  readonly accumulate: number;
  readonly optimizer: 'adamw' | 'sgd' | 'muon';
  readonly lr: number;
  readonly weightDecay?: number;
  readonly schedule: 'constant' | 'linear' | 'cosine' | 'warmup-stable-decay';
  readonly warmup: number;
  /** Part of the learning rate that is left at the end. */
  readonly floor: number;
  readonly clip: number;
  readonly seed: number;
  readonly validation: number;
  readonly saveEvery: number;
  readonly recompute: 'none' | 'layers';
  /** Element type of the saved weights; absent: that of the model. What is continued from has 32 bits. */
  readonly dtype?: SavedDtype;
  /** Which weights are the model in the end: the last ones, or those of the lowest validation loss. */
  readonly keep: 'last' | 'best';
}

type SavedDtype = NonNullable<SaveOptions['dtype']>;

/** Options as they came: what was not said is absent. */
export type GivenRecipe = Partial<Omit<Recipe, 'optimizer' | 'schedule' | 'recompute' | 'dtype' | 'keep'>> & {
  readonly tokens?: number;
  readonly optimizer?: string;
  readonly schedule?: string;
  readonly recompute?: string;
  readonly dtype?: string;
  readonly keep?: string;
};

const rates: Readonly<Record<Recipe['optimizer'], number>> = { adamw: 0.001, sgd: 0.1, muon: 0.02 };

const file = 'recipe.json';

/** Options with their defaults. */
export function completeRecipe(given: GivenRecipe): Recipe {
  const { model, spec, data, tokenizer, weightDecay, tokens } = given;
  if ((model === undefined) === (spec === undefined))
    throw new UnsupportedOptionError(
      'Give either --model, whose weights are trained on, or --spec, whose weights are drawn.',
    );
  if (!data || data.length === 0)
    throw new UnsupportedOptionError('--data is missing, expected files of text, or stories.');
  const { batch = 8, context = 128, accumulate = 1, optimizer = 'adamw', schedule = 'cosine' } = given;
  if (!Object.hasOwn(rates, optimizer)) throw unknown('optimizer', optimizer, Object.keys(rates));
  checkOneOf('schedule', schedule, ['constant', 'linear', 'cosine', 'warmup-stable-decay']);
  const { recompute = 'none', keep = 'last', dtype, validation = 0.05 } = given;
  checkOneOf('recompute', recompute, ['none', 'layers']);
  checkOneOf('keep', keep, ['last', 'best']);
  if (dtype !== undefined) checkOneOf('dtype', dtype, ['fp32', 'fp16', 'bf16']);
  if (keep === 'best' && validation === 0)
    throw new UnsupportedOptionError('--keep best needs a validation loss, and --validation is 0. Change one of them.');
  const steps = given.steps ?? (tokens === undefined ? undefined : Math.ceil(tokens / (batch * context * accumulate)));
  if (steps === undefined) throw new UnsupportedOptionError('Give --steps or --tokens: how long to train.');
  const warmup = given.warmup ?? Math.min(100, Math.floor(steps / 10));
  if (warmup > steps)
    throw new UnsupportedOptionError(`--warmup is ${warmup}, expected at most the ${steps} steps. Give fewer.`, {
      facts: { warmup, steps },
    });
  return {
    ...(model !== undefined && { model }),
    ...(spec !== undefined && { spec }),
    data,
    ...(tokenizer !== undefined && { tokenizer }),
    steps,
    batch,
    context,
    accumulate,
    optimizer: optimizer as Recipe['optimizer'],
    lr: given.lr ?? rates[optimizer as Recipe['optimizer']],
    ...(weightDecay !== undefined && { weightDecay }),
    schedule: schedule as Recipe['schedule'],
    warmup,
    floor: given.floor ?? 0,
    clip: given.clip ?? 1,
    seed: given.seed ?? 0,
    validation,
    saveEvery: given.saveEvery ?? Math.max(1, Math.min(500, Math.ceil(steps / 10))),
    recompute: recompute as Recipe['recompute'],
    ...(dtype !== undefined && { dtype: dtype as SavedDtype }),
    keep: keep as Recipe['keep'],
    ...completeLora(given),
    ...completeHeads(given),
  };
}

/** The optimiser that a recipe asks for. */
export function optimizerOf({ optimizer: kind, lr, weightDecay }: Recipe): OptimizerOptions {
  return { kind, learningRate: lr, ...(weightDecay !== undefined && { weightDecay }) };
}

/** The schedule that a recipe asks for; a decay at the end takes a fifth of the steps. */
export function scheduleOf({ schedule: kind, warmup, steps, floor }: Recipe): Schedule {
  if (kind === 'constant') return { kind, warmup };
  if (kind === 'warmup-stable-decay')
    return { kind, warmup, steps, decay: Math.min(Math.ceil(steps / 5), steps - warmup), floor };
  return { kind, warmup, steps, floor };
}

/** Writes the recipe beside the model. */
export async function writeRecipe(directory: string, recipe: Recipe): Promise<void> {
  await writeFile(join(directory, file), `${JSON.stringify(recipe, undefined, 2)}\n`);
}

/** The recipe beside a model. */
export async function readRecipe(directory: string): Promise<Recipe> {
  try {
    return JSON.parse(await readFile(join(directory, file), 'utf8')) as Recipe;
  } catch (cause) {
    throw new ModelFormatError(
      `${directory}: there is no ${file} that can be read, expected a training to continue. Leave --resume out to begin one.`,
      { cause, facts: { directory } },
    );
  }
}

const names: Readonly<Record<keyof Recipe | 'tokens', true>> = {
  model: true,
  spec: true,
  data: true,
  tokenizer: true,
  steps: true,
  tokens: true,
  batch: true,
  context: true,
  accumulate: true,
  optimizer: true,
  lr: true,
  weightDecay: true,
  schedule: true,
  warmup: true,
  floor: true,
  clip: true,
  seed: true,
  validation: true,
  saveEvery: true,
  recompute: true,
  dtype: true,
  keep: true,
  loraRank: true,
  loraAlpha: true,
  loraTargets: true,
  rslora: true,
  heads: true,
  headBlocks: true,
  ownOutput: true,
};

/** A recipe that somebody wrote: options by the names that `recipe.json` has, `about` for people. */
export async function openRecipe(path: string, signal: AbortSignal): Promise<GivenRecipe> {
  const json = parseJson(await readTextFile(path, signal), { file: path });
  const { about: _, ...given } = json as GivenRecipe & { readonly about?: unknown };
  const unknownName = Object.keys(given).find((name) => !Object.hasOwn(names, name));
  if (unknownName !== undefined)
    throw new UnsupportedOptionError(
      `${path}: ${unknownName} is no option of a recipe, expected ${Object.keys(names).join(', ')}.`,
      { facts: { file: path, name: unknownName } },
    );
  return given;
}

function checkOneOf(option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) throw unknown(option, value, known);
}

function unknown(option: string, value: string, known: readonly string[]): UnsupportedOptionError {
  return new UnsupportedOptionError(`--${option} is ${JSON.stringify(value)}, expected ${known.join(', ')}.`, {
    facts: { option, value, known },
  });
}
