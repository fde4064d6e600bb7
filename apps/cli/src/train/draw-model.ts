import type { AssembleOptions, Assembler, Model } from '@tessera/assembler';
import type { FileSource } from '@tessera/checkpoints';
import { parseJson } from '@tessera/checkpoints';
import type { ModelSpec, PublishedConfig } from '@tessera/plugin';
import { readTextFile } from '../read-text-file.ts';

/**
 * A new model of a spec, or of a published config, given as it is or as the file that holds it.
 * @param files - saved along with the model
 */
export async function drawModel(
  assembler: Assembler,
  given: string | PublishedConfig,
  options: AssembleOptions & { readonly signal: AbortSignal },
  files: FileSource | undefined,
): Promise<Model> {
  const json =
    typeof given === 'string'
      ? (parseJson(await readTextFile(given, options.signal), { file: given }) as PublishedConfig)
      : given;
  return 'model_type' in json
    ? assembler.assemblePublished(json, { ...options, files })
    : assembler.assemble(json as unknown as ModelSpec, options);
}
