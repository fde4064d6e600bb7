import { createHash } from 'node:crypto';
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
  /** The same for models that read the same tokens; undefined: it has no tokenizer. */
  readonly tokenizer: string | undefined;
}

/** What a model without a prompt of its own is begun with. */
const usualPrompt = 'Once there was';

/** The models in the folders of a folder, by name: what has a config and weights. */
export function demoModelsIn(folder: string): DemoModel[] {
  return readdirSync(folder)
    .filter((name) => writes(join(folder, name, 'config.json')))
    .toSorted()
    .flatMap((name) => {
      const own = join(folder, name);
      const weights = readdirSync(own).filter((file) => /^model.*\.safetensors$/.test(file));
      const bytes = weights.reduce((sum, file) => sum + statSync(join(own, file)).size, 0);
      const prompt = promptOf(join(own, 'meta.json'));
      return bytes > 0 ? [{ name, bytes, prompt, tokenizer: digestOf(join(own, 'tokenizer.json')) }] : [];
    });
}

/** Whether a config is that of a model, and not of heads that propose to one. */
function writes(config: string): boolean {
  if (!existsSync(config)) return false;
  const { kind } = JSON.parse(readFileSync(config, 'utf8')) as { readonly kind?: string };
  return kind === undefined;
}

function digestOf(file: string): string | undefined {
  return existsSync(file) ? createHash('sha256').update(readFileSync(file)).digest('hex').slice(0, 12) : undefined;
}

function promptOf(meta: string): string {
  if (!existsSync(meta)) return usualPrompt;
  const { greedy } = JSON.parse(readFileSync(meta, 'utf8')) as { readonly greedy?: { readonly prompt?: string } };
  return greedy?.prompt ?? usualPrompt;
}
