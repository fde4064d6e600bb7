import type { Model } from '@tessera/assembler';
import { createLora } from '@tessera/lora';
import type { Lora, Targets } from '@tessera/lora';
import { UnsupportedOptionError } from '@tessera/tensor-core';

/** What a recipe says of an adapter that is trained in place of the weights. */
export interface LoraRecipe {
  /** Rank of the changes; absent: the weights themselves are trained. */
  readonly loraRank?: number;
  /** @defaultValue the rank */
  readonly loraAlpha?: number;
  /** @defaultValue all-linear */
  readonly loraTargets?: Targets;
  /** True: scaled by alpha / √rank. */
  readonly rslora?: boolean;
}

/** Reads names with commas between, `all-linear`, or a regular expression between slashes. */
export function targetsArgument(text: string): Targets {
  const [, pattern] = /^\/(.*)\/$/.exec(text) ?? [];
  if (pattern !== undefined) return pattern;
  return text === 'all-linear' ? text : text.split(/[\s,]+/).filter((name) => name !== '');
}

/**
 * The adapter's part of a recipe.
 * @throws {@link UnsupportedOptionError} when something is said of an adapter that is not asked for, or has no model to belong to
 */
export function completeLora(given: LoraRecipe & { readonly model?: string }): LoraRecipe {
  const { model, loraRank, loraAlpha, loraTargets, rslora } = given;
  if (loraRank === undefined) {
    const options = { '--lora-alpha': loraAlpha, '--lora-targets': loraTargets, '--rslora': rslora };
    const [useless] = Object.entries(options).find(([, value]) => value !== undefined) ?? [];
    if (useless === undefined) return {};
    throw new UnsupportedOptionError(`${useless} belongs to an adapter, which is asked for by --lora-rank. Give both.`);
  }
  if (model === undefined)
    throw new UnsupportedOptionError(
      '--lora-rank asks for an adapter, which is saved without the weights that it changes. Give --model: weights that are there.',
    );
  return {
    loraRank,
    loraAlpha: loraAlpha ?? loraRank,
    loraTargets: loraTargets ?? 'all-linear',
    ...(rslora && { rslora }),
  };
}

/** The adapter that a recipe asks for, if it does. */
export async function loraOf(recipe: LoraRecipe & { readonly seed: number }, model: Model): Promise<Lora | undefined> {
  const { loraRank: rank, loraAlpha: alpha, loraTargets: targets, rslora, seed } = recipe;
  return rank === undefined ? undefined : createLora(model, { rank, alpha, targets, rslora, seed });
}
