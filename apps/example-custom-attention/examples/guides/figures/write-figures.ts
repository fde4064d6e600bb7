// Writes the figures of the guides: node --import tsx --conditions=@tessera/source …/write-figures.ts [folder]
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { figures } from './figures.ts';

const folder = process.argv[2] ?? fileURLToPath(new URL('../../../../../docs/guides/figures/', import.meta.url));
mkdirSync(folder, { recursive: true });
const made = figures();
for (const [name, text] of made) writeFileSync(join(folder, name), text);
console.log(`${[...made.keys()].join(', ')} in ${folder}`);
if (!made.has('step-time.svg'))
  console.log('No step-time.svg: no bench.json in docs/benchmarks has rows of the section latent.');
