import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { layoutOf, publishedLayouts } from '@tessera/checkpoints';
import type { PublishedConfig } from '@tessera/plugin';

const conformance = new URL('../../../../conformance/', import.meta.url);

function readJson(path: URL): PublishedConfig {
  return JSON.parse(readFileSync(path, 'utf8')) as PublishedConfig;
}

/** Configs of the conformance cases, and those of what has no case there. */
function configs(): readonly PublishedConfig[] {
  const cases = new URL('cases/', conformance);
  const files = readdirSync(cases).map((name) => new URL(`${name}/config.json`, cases));
  const published = files.filter((file) => existsSync(file)).map(readJson);
  const texts = published.filter((config) => config['model_type'] === 'gemma3_text');
  const flash = { ...readJson(new URL('papers/linearized_flash_aug/hparams.json', conformance)), model_type: 'linearized_flash' }; // prettier-ignore
  const gemma3 = texts.map((text) => ({ model_type: 'gemma3', text_config: text }));
  const sizes = { vocab_size: 16, n_embd: 8, n_head: 2, n_layer: 2, block_size: 32, pmem_size: 6 };
  const mosaics = ['memory_mosaics_library', 'memory_mosaics_nano'].map((name) => ({ ...sizes, model_type: name }));
  return [...published, ...gemma3, ...mosaics, flash, { ...flash, softmax: true, conv: false }];
}

/**
 * Values of `model_type` whose models have a mixer, by the mixer's name.
 * @throws Error when a layout has no config here
 */
export function layoutsOfMixers(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, Set<string>>();
  const seen = new Set<string>();
  for (const config of configs()) {
    const modelType = String(config['model_type']);
    seen.add(modelType);
    for (const { mixer } of layoutOf(config).toSpec(config).spec.layers)
      if (mixer) found.set(mixer.type, (found.get(mixer.type) ?? new Set()).add(modelType));
  }
  const order = publishedLayouts.flatMap(({ modelTypes }) => modelTypes);
  const missing = order.filter((modelType) => !seen.has(modelType));
  if (missing.length > 0)
    throw new Error(
      `${missing.join(', ')}: no config says which mixers it has; add one to configs() of ${import.meta.url.split('/').at(-1)}.`,
    );
  return new Map([...found].map(([name, types]) => [name, order.filter((modelType) => types.has(modelType))]));
}
