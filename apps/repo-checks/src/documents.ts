import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './workspace.ts';

/** Documents whose code is compared with files: the README of the repository and the guides. */
export function checkedDocuments(): readonly string[] {
  const guides = readdirSync(join(repositoryRoot, 'docs/guides'));
  return ['README.md', ...guides.filter((name) => name.endsWith('.md')).map((name) => `docs/guides/${name}`)];
}
