import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelFormatError, UnsupportedOptionError } from '@tessera/tensor-core';
import type { OptimizerOptions, Schedule } from '@tessera/training';

/** What makes a training what it is: options of the command line, kept beside the model so that it can be continued. */
export interface Recipe {
  /** Directory or address of a model whose weights are trained on; absent: `spec` is. */
  readonly model?: string;
  /** File with a spec, or a published config.json, whose weights are drawn. */
  readonly spec?: string;
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
  readonly clip: number;
  readonly seed: number;
  readonly validation: number;
  readonly saveEvery: number;
  readonly recompute: 'none' | 'layers';
}

/** Options as they came: what was not said is absent. */
export type GivenRecipe = Partial<Omit<Recipe, 'optimizer' | 'schedule' | 'recompute'>> & {
  readonly tokens?: number;
  readonly optimizer?: string;
  readonly schedule?: string;
  readonly recompute?: string;
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
  if (!data || data.length === 0) throw new UnsupportedOptionError('--data is missing, expected files of text.');
  const { batch = 8, context = 128, accumulate = 1, optimizer = 'adamw', schedule = 'cosine' } = given;
  if (!Object.hasOwn(rates, optimizer)) throw unknown('optimizer', optimizer, Object.keys(rates));
  checkOneOf('schedule', schedule, ['constant', 'linear', 'cosine', 'warmup-stable-decay']);
  const { recompute = 'none' } = given;
  checkOneOf('recompute', recompute, ['none', 'layers']);
  const steps = given.steps ?? (tokens === undefined ? undefined : Math.ceil(tokens / (batch * context * accumulate)));
  if (steps === undefined) throw new UnsupportedOptionError('Give --steps or --tokens: how long to train.');
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
    warmup: given.warmup ?? Math.min(100, Math.floor(steps / 10)),
    clip: given.clip ?? 1,
    seed: given.seed ?? 0,
    validation: given.validation ?? 0.05,
    saveEvery: given.saveEvery ?? Math.max(1, Math.min(500, Math.ceil(steps / 10))),
    recompute: recompute as Recipe['recompute'],
  };
}

/** The optimiser that a recipe asks for. */
export function optimizerOf({ optimizer: kind, lr, weightDecay }: Recipe): OptimizerOptions {
  return { kind, learningRate: lr, ...(weightDecay !== undefined && { weightDecay }) };
}

/** The schedule that a recipe asks for; a decay at the end takes a fifth of the steps. */
export function scheduleOf({ schedule: kind, warmup, steps }: Recipe): Schedule {
  if (kind === 'constant') return { kind, warmup };
  if (kind === 'warmup-stable-decay')
    return { kind, warmup, steps, decay: Math.min(Math.ceil(steps / 5), steps - warmup) };
  return { kind, warmup, steps };
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

function checkOneOf(option: string, value: string, known: readonly string[]): void {
  if (!known.includes(value)) throw unknown(option, value, known);
}

function unknown(option: string, value: string, known: readonly string[]): UnsupportedOptionError {
  return new UnsupportedOptionError(`--${option} is ${JSON.stringify(value)}, expected ${known.join(', ')}.`, {
    facts: { option, value, known },
  });
}
