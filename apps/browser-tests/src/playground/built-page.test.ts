import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { contentSecurityPolicy } from '@tessera/playground/content-security-policy';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServedApp } from '../browser/serve-app.ts';
import { servePlayground } from './serve-playground.ts';

/**
 * What scripts may weigh together, compressed. `first`: what a visit with the first model fetches, page and worker with all that they
 * import. `more`: what comes when it is needed, the other families, speculation and the worker for chat templates.
 */
const budgets = { first: 150_000, more: 85_000, train: 215_000 };

let app: ServedApp;

beforeAll(async () => {
  app = await servePlayground();
});

afterAll(() => app?.close());

test.each(Object.entries(budgets))(
  'scripts of the part “%s” are at most %i bytes, compressed',
  async (part, budget) => {
    const names = (await readdir(join(app.folder, 'assets'))).filter((name) => name.endsWith('.js'));
    const scripts = new Map(
      await Promise.all(
        names.map(async (name) => [name, await readFile(join(app.folder, 'assets', name), 'utf8')] as const),
      ),
    );
    const first = importedBy(
      names.filter((name) => /^(?:index|worker)-[^-]+\.js$/.test(name) && !name.startsWith('index-ops')),
      scripts,
    );
    const partOf = (name: string): string => (name.startsWith('train') ? 'train' : first.has(name) ? 'first' : 'more');
    const counted = names.filter((name) => partOf(name) === part);
    const sizes = counted.map((name) => brotliCompressSync(scripts.get(name)!).length);
    expect(counted.some((name) => name.includes('worker'))).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(budget);
  },
);

/** Scripts with all that they import at once, by `import … from`. */
function importedBy(entries: readonly string[], scripts: ReadonlyMap<string, string>): Set<string> {
  const found = new Set(entries);
  for (const name of found)
    for (const [, imported] of scripts.get(name)!.matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g))
      found.add(imported!);
  return found;
}

test('the page has nothing inline, and says its policy itself for hosts that send no headers', async () => {
  const html = await readFile(join(app.folder, 'index.html'), 'utf8');
  expect(html.match(/<script[^>]*>/g)).toEqual([expect.stringContaining('src="./assets/')]);
  expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=/);
  const [, policy] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)!;
  expect(policy!.replaceAll('&#39;', "'")).toBe(contentSecurityPolicy);
  expect(contentSecurityPolicy).not.toContain('unsafe');
});

test('the model is served in ranges, with the policy, and what it does not have is missing', async () => {
  const tensors = await fetch(`${app.address}llama-4m/model-00001-of-00004.safetensors`, {
    headers: { Range: 'bytes=8-15' },
  });
  expect(tensors.status).toBe(206);
  expect((await tensors.arrayBuffer()).byteLength).toBe(8);
  expect(tensors.headers.get('Content-Security-Policy')).toContain(contentSecurityPolicy);
  expect((await fetch(`${app.address}llama-4m/model.safetensors`)).status).toBe(404);
});
