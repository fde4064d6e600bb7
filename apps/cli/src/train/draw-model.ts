import { readFile } from 'node:fs/promises';
import type { AssembleOptions, Assembler } from '@tessera/assembler';
import { Model } from '@tessera/assembler';
import type { FileSource } from '@tessera/checkpoints';
import { layoutOf, memorySource, parseJson, publishedShapesOf } from '@tessera/checkpoints';
import type { ModelSpec, PublishedConfig } from '@tessera/plugin';
import type { Device } from '@tessera/tensor-core';

/**
 * A new model of the spec, or of the published config, in a file. One of a published config is saved in that layout, so that
 * others load it.
 * @param tokenizer - files that are saved along with it
 */
export async function drawModel(
  assembler: Assembler,
  file: string,
  options: Omit<AssembleOptions, 'device'> & { readonly device: Device },
  tokenizer: FileSource | undefined,
): Promise<Model> {
  const json = parseJson(await readFile(file, 'utf8'), { file }) as PublishedConfig;
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
