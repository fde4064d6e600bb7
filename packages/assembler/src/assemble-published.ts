import type { FileSource } from '@tessera/checkpoints';
import { layoutOf, memorySource, publishedShapesOf } from '@tessera/checkpoints';
import type { CheckpointLayout, PublishedConfig } from '@tessera/plugin';
import type { AssembleOptions } from './assemble.ts';
import { assembleModel } from './assemble.ts';
import type { ChooseDevice } from './devices.ts';
import type { LanguageModelGraph } from './model/language-model.ts';
import type { Model, ModelText, Origin } from './model/model.ts';
import type { Registry } from './registry.ts';

/** How a new model of a published config is made. */
export interface AssemblePublishedOptions extends AssembleOptions {
  /** Files that are saved along with the model, such as `tokenizer.json`. */
  readonly files?: FileSource | undefined;
  /** The tokenizer that turns prompts into ids. @defaultValue the model takes and gives ids only */
  readonly text?: ModelText | undefined;
}

/** Makes a model of a published config with weights drawn from a seed, which is saved in that layout. */
export async function assemblePublished(
  config: PublishedConfig,
  registry: Registry,
  layouts: readonly CheckpointLayout[],
  { files, text, ...options }: AssemblePublishedOptions,
  choose: ChooseDevice,
): Promise<Model> {
  const layout = layoutOf(config, layouts);
  const { spec } = layout.toSpec(config);
  const origin = (graph: LanguageModelGraph): Origin => {
    const params = graph.params();
    const rules = layout.rules(config);
    const published = rules.flatMap((rule) =>
      Object.entries(publishedShapesOf(rule, (path) => params[path]!.shape)).map(
        ([name, shape]) => [name, { dtype: 'F32', shape }] as const,
      ),
    );
    const source = files ?? memorySource({});
    return { config, rules, published: new Map(published), source, generationConfig: undefined };
  };
  return assembleModel(spec, registry, options, choose, (graph) => ({ origin: origin(graph), ...(text && { text }) }));
}
