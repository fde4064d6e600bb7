import { Model } from '@tessera/assembler';
import { layoutOf, memorySource, publishedShapesOf } from '@tessera/checkpoints';
import type { PublishedConfig } from '@tessera/plugin';
import type { Device } from '@tessera/tensor-core';
import { trainingAssembler } from './assembler.ts';
import type { MadeTokenizer } from './make-tokenizer.ts';

/**
 * A new model of a published config, with weights drawn from a seed. It is saved in that layout, with its tokenizer, so that
 * others load it.
 */
export async function drawModel(
  config: PublishedConfig,
  { tokenizer, files }: Pick<MadeTokenizer, 'tokenizer' | 'files'>,
  { device, seed, signal }: { readonly device: Device; readonly seed: number; readonly signal: AbortSignal },
): Promise<Model> {
  const layout = layoutOf(config);
  const { spec } = layout.toSpec(config);
  const { graph, params, memory: estimate, loadMs } = await trainingAssembler.assemble(spec, { device, seed, signal });
  const rules = layout.rules(config);
  const published = rules.flatMap((rule) =>
    Object.entries(publishedShapesOf(rule, (path) => params[path]!.shape)).map(
      ([name, shape]) => [name, { dtype: 'F32', shape }] as const,
    ),
  );
  return new Model({
    graph,
    device,
    ownsDevice: false,
    params,
    estimate,
    loadMs,
    text: { tokenizer, chatTemplate: undefined },
    origin: {
      config,
      rules,
      published: new Map(published),
      source: memorySource(files),
      generationConfig: undefined,
    },
  });
}
