import type { PublishedConfig } from '@tessera/plugin';
import type { FileSource, ReadOptions } from './file-source.ts';
import { readJson, readJsonIfPresent } from './read-json.ts';

/** Items that come in variants, whose names follow these: `linearized_flash_plain`. */
const families = [
  'linearized_flash',
  'linearized_gpt2_attn',
  'linearized_llama_attn',
  'linearized_llama_replace',
  'memory_mosaics_library',
  'memory_mosaics_nano',
];

/**
 * The config of a model: `config.json`, or what code of single papers leaves in its place, settings without a name (`hparams.json`)
 * beside a note of what they are of (`item` of `meta.json`), which is then the `model_type`, without the name of its
 * variant.
 * @throws {@link ModelFormatError} when there is neither, or a file is not JSON
 */
export async function readPublishedConfig(source: FileSource, { signal }: ReadOptions = {}): Promise<PublishedConfig> {
  const config = await readJsonIfPresent(source, 'config.json', { signal });
  if (config !== undefined) return config as PublishedConfig;
  const settings = await readJsonIfPresent(source, 'hparams.json', { signal });
  const meta = settings === undefined ? undefined : await readJsonIfPresent(source, 'meta.json', { signal });
  const item = (meta as { readonly item?: unknown } | null | undefined)?.item;
  // Neither: the error is that of the file that should be there.
  if (typeof item !== 'string') return (await readJson(source, 'config.json', { signal })) as PublishedConfig;
  const family = families.find((name) => item.startsWith(`${name}_`));
  return { model_type: family ?? item, ...(settings as object) };
}
