import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** A model that is served beside the page. */
export interface DemoModel {
  /** Its folder. */
  readonly name: string;
  /** Of its weights. */
  readonly bytes: number;
  /** A beginning that it knows how to go on from. */
  readonly prompt: string;
}

/** What a model without a prompt of its own is begun with. */
const usualPrompt = 'Once there was';

/** The models in the folders of a folder, by name: what has a config and weights. */
export function demoModelsIn(folder: string): DemoModel[] {
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'config.json')))
    .toSorted()
    .flatMap((name) => {
      const weights = readdirSync(join(folder, name)).filter((file) => /^model.*\.safetensors$/.test(file));
      const bytes = weights.reduce((sum, file) => sum + statSync(join(folder, name, file)).size, 0);
      return bytes > 0 ? [{ name, bytes, prompt: promptOf(join(folder, name, 'meta.json')) }] : [];
    });
}

function promptOf(meta: string): string {
  if (!existsSync(meta)) return usualPrompt;
  const { greedy } = JSON.parse(readFileSync(meta, 'utf8')) as { readonly greedy?: { readonly prompt?: string } };
  return greedy?.prompt ?? usualPrompt;
}
