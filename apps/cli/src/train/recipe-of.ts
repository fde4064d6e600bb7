import type { Command } from 'commander';
import type { Terminal } from '../terminal/terminal.ts';
import type { GivenRecipe, Recipe } from './recipe.ts';
import { completeRecipe, openRecipe, readRecipe } from './recipe.ts';

/** Where the options of a training come from. */
export interface RecipeOrigin {
  /** Options of the command line, which come first. */
  readonly given: GivenRecipe;
  /** File of further ones. */
  readonly file: string | undefined;
  /** True: the further ones are those of the training in `out`. */
  readonly resume: boolean | undefined;
  readonly out: string;
  /** What stands where neither says anything. */
  readonly usual?: GivenRecipe;
}

/** The recipe of a training: what is given now, then what a file or the training to go on with says, then defaults. */
export async function recipeOf(
  command: Command,
  { given, file, resume, out, usual }: RecipeOrigin,
  { signal }: Terminal,
): Promise<Recipe> {
  if (resume && file !== undefined)
    command.error('error: --resume goes on with the recipe in --out, not with --recipe.');
  const before = resume ? await readRecipe(out) : file === undefined ? {} : await openRecipe(file, signal);
  return completeRecipe({ ...usual, ...merged(before, given) });
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
