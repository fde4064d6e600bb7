import type { AssembleOptions, Assembler } from '@tessera/assembler';
import { Model } from '@tessera/assembler';
import type { FileSource } from '@tessera/checkpoints';
import { layoutOf, memorySource, parseJson, publishedShapesOf } from '@tessera/checkpoints';
import type { ModelSpec, PublishedConfig } from '@tessera/plugin';
import type { Device } from '@tessera/tensor-core';
import { readTextFile } from '../read-text-file.ts';

/**
 * A new model of a spec, or of a published config, given as it is or as the file that holds it. One of a published config is saved in that layout, so that
 * others load it.
 * @param tokenizer - files that are saved along with it
 */
export async function drawModel(
  assembler: Assembler,
  given: string | PublishedConfig,
  options: Omit<AssembleOptions, 'device'> & { readonly device: Device; readonly signal: AbortSignal },
  tokenizer: FileSource | undefined,
): Promise<Model> {
  const json =
    typeof given === 'string'
      ? (parseJson(await readTextFile(given, options.signal), { file: given }) as PublishedConfig)
      : given;
  if (!('model_type' in json)) return assembler.assemble(json as unknown as ModelSpec, options);
  const layout = layoutOf(json);
  const { spec } = layout.toSpec(json);
  const drawn = await assembler.assemble(spec, options);
  if (json['model_type'] === 'tessera') return drawn;
  const rules = layout.rules(json);
  const published = rules.flatMap((rule) =>
    Object.entries(publishedShapesOf(rule, (path) => drawn.params[path]!.shape)).map(
      ([name, shape]) => [name, { dtype: 'F32', shape }] as const,
    ),
  );
  const { graph, device, params, memory: estimate, loadMs } = drawn;
  return new Model({
    graph,
    device,
    ownsDevice: false,
    params,
    estimate,
    loadMs,
    origin: {
      config: json,
      rules,
      published: new Map(published),
      source: tokenizer ?? memorySource({}),
      generationConfig: undefined,
    },
  });
}
