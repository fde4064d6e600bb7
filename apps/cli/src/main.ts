#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { program } from 'commander';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

await program.name('tessera').version(version).parseAsync();
