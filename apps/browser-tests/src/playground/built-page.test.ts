import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync } from 'node:zlib';
import { contentSecurityPolicy } from '@tessera/playground/content-security-policy';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ServedApp } from '../browser/serve-app.ts';
import { servePlayground } from './serve-playground.ts';

/** What all scripts of a view may weigh together, compressed: page, worker, and the worker for chat templates. */
const budgets = { 'that writes': 150_000, 'that trains, beside the other': 205_000 };

let app: ServedApp;

beforeAll(async () => {
  app = await servePlayground();
});

afterAll(() => app?.close());

test.each(Object.entries(budgets))(
  'all scripts of the view %s are at most %i bytes, compressed',
  async (view, budget) => {
    const trains = view !== 'that writes';
    const names = (await readdir(app.folder, { recursive: true })).filter(
      (name) => name.endsWith('.js') && /\btrain/.test(name) === trains,
    );
    const sizes = await Promise.all(
      names.map(async (name) => brotliCompressSync(await readFile(join(app.folder, name))).length),
    );
    expect(names.some((name) => name.includes('worker'))).toBe(true);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(budget);
  },
);

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
