import { layoutOf, readPublishedConfig } from '@tessera/checkpoints';
import type { FileSource } from '@tessera/checkpoints';
import type { ModelSpec } from '@tessera/plugin';

/**
 * The spec of a checkpoint, from its config alone.
 * @throws TesseraError where the files are no model, or of a layout that is not understood
 */
export async function readSpec(source: FileSource): Promise<ModelSpec> {
  const config = await readPublishedConfig(source);
  return layoutOf(config).toSpec(config, {}).spec;
}
