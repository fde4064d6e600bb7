import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { PublishedConfig } from '@tessera/plugin';

const repository = fileURLToPath(new URL('../../../../', import.meta.url));

/** A published directory with a tiny model. */
export interface ConformanceCase {
  readonly name: string;
  readonly path: string;
  readonly config: PublishedConfig;
  /** Context length that its outputs were made for, where they depend on it. */
  readonly contextLength: number | undefined;
}

/** Models of the understood families: those of the repository, and those that stand beside it where they are checked out. */
export function conformanceCases(understood: readonly string[]): readonly ConformanceCase[] {
  const folders = [
    join(repository, 'apps/conformance/cases'),
    ...['hf', 'fla', 'papers'].map((made) => join(dirname(repository.replace(/\/$/, '')), 'shared/conformance', made)),
  ];
  return folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((path) => existsSync(join(path, 'model.safetensors')))
    .map((path): ConformanceCase => {
      const json = (file: string): PublishedConfig => JSON.parse(readFileSync(join(path, file), 'utf8'));
      const contextLength = json('meta.json')['context_length'] as number | null | undefined;
      return {
        name: path.slice(repository.length - 6).replace(/^.*conformance\//, ''),
        path,
        config: existsSync(join(path, 'config.json'))
          ? json('config.json')
          : { model_type: json('meta.json')['item'], ...json('hparams.json') },
        contextLength: contextLength ?? undefined,
      };
    })
    .filter(({ config }) => understood.includes(String(config['model_type'])));
}
