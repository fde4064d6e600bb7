import { LanguageModelGraph, Registry, resolveSpec } from '@tessera/assembler';
import { layoutOf } from '@tessera/checkpoints';
import { sizeOf } from '@tessera/tensor-core';
import type { Recipe } from '../protocol.ts';
import { plugins } from './assembler.ts';
import { publishedConfig } from './published-config.ts';

/** Learned numbers of the model of a recipe, known before any is drawn. */
export function countParameters(recipe: Recipe): number {
  const config = publishedConfig(recipe, recipe.vocabulary);
  const { spec } = layoutOf(config).toSpec(config);
  const graph = new LanguageModelGraph(resolveSpec(spec, new Registry(plugins)));
  return Object.values(graph.params()).reduce((total, { shape }) => total + sizeOf(shape), 0);
}
