import type { Model } from '@tessera/assembler';
import type { MedusaHeads } from '@tessera/decoding-speculative';
import { createMedusaHeads } from '@tessera/decoding-speculative';
import { UnsupportedOptionError } from '@tessera/tensor-core';
import type { LoraRecipe } from './lora-recipe.ts';

/** What a recipe says of draft heads that are trained in place of the weights. */
export interface HeadsRecipe {
  /** Number of heads; absent: none are trained. */
  readonly heads?: number;
  /** Residual blocks of each. @defaultValue 1 */
  readonly headBlocks?: number;
  /** True: each has an output matrix of its own. */
  readonly ownOutput?: boolean;
}

/**
 * The heads' part of a recipe.
 * @throws {@link UnsupportedOptionError} when something is said of heads that are not asked for, or have no model to belong to
 */
export function completeHeads(given: HeadsRecipe & LoraRecipe & { readonly model?: string }): HeadsRecipe {
  const { model, heads, headBlocks, ownOutput, loraRank } = given;
  if (heads === undefined) {
    if (headBlocks === undefined && ownOutput === undefined) return {};
    throw new UnsupportedOptionError(
      'headBlocks and ownOutput belong to draft heads, whose number a recipe says as heads. Give it, too.',
    );
  }
  if (model === undefined || loraRank !== undefined)
    throw new UnsupportedOptionError(
      `Draft heads are trained on a model that is there, and alone. Give --model${loraRank === undefined ? '' : ' and no --lora-rank'}.`,
    );
  return { heads, headBlocks: headBlocks ?? 1, ...(ownOutput && { ownOutput }) };
}

/** The heads that a recipe asks for, if it does. */
export async function headsOf(recipe: HeadsRecipe, model: Model): Promise<MedusaHeads | undefined> {
  const { heads, headBlocks: blocks, ownOutput } = recipe;
  return heads === undefined ? undefined : createMedusaHeads(model, { heads, blocks, ownOutput });
}
