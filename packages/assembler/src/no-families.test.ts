import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { families } from './test-models.test-data.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter(
  (path) => path.endsWith('.ts') && !/\.test(?:-d|-data)?\.ts$/.test(path),
);

/** Names that would betray a family: of packages and parts, as one writes them in text and in code. */
const names = families.flatMap(({ name, mixers = [], feedForwards = [], norms = [] }) => {
  const parts = [...mixers, ...feedForwards, ...norms].map((part) => part.name.slice(part.name.indexOf(':') + 1));
  const camel = (part: string): string => part.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
  // A part called `layer` or `gated` is also an ordinary word; in full it is not.
  return [name, ...parts.flatMap((part) => [`${name}:${part}`, ...(part.includes('-') ? [part, camel(part)] : [])])];
});

test('there are sources and names to look at', () => {
  expect(sources.length).toBeGreaterThan(20);
  expect(names).toEqual(expect.arrayContaining(['@tessera/norms', 'gated-delta-net', 'softmaxAttention']));
});

test.each(sources)('%s knows no family by name', (path) => {
  const text = readFileSync(join(root, 'src', path), 'utf8');
  expect(names.filter((name) => text.includes(name))).toEqual([]);
});

test('the package depends on no family', () => {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: object };
  const packages = families.map(({ name }) => name);
  expect(Object.keys(dependencies).filter((name) => packages.includes(name))).toEqual([]);
  expect(Object.keys(dependencies)).toContain('@tessera/plugin');
});
