import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { PlaygroundPage } from './playground-page.ts';
import { servePlayground } from './serve-playground.ts';

// One page through models of every family, on the processor. Those of the conformance cases have a few thousand parameters and no tokenizer.

const folder = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
// Heads that propose to a model are none themselves.
const demos = readdirSync(folder('models'), { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() && !entry.name.endsWith('-heads') ? [entry.name] : [],
);
const first = 'llama-4m';

let browser: Browser;
let app: ServedApp;
let visit: PlaygroundPage;
/** Scripts that were fetched. */
const fetched: string[] = [];

beforeAll(async () => {
  [app, browser] = await Promise.all([servePlayground(), launchBrowser({ webgpu: 'none' })]);
  visit = await PlaygroundPage.open(browser, app.address, {
    prepare: async (page) => void page.on('request', (request) => fetched.push(new URL(request.url()).pathname)),
  });
  await visit.ready();
});

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

/** Has the model write so many tokens. */
async function write(tokens: number): Promise<void> {
  await visit.set({ Temperature: 0, 'Tokens at most': tokens });
  await visit.send.click();
  await visit.tokens(tokens);
  await visit.ready();
  expect(await visit.text('doing')).toBe('As many tokens as asked for');
}

/** Opens the folder of a conformance case. */
async function openCase(name: string): Promise<void> {
  await visit.page.locator('#model-folder').setInputFiles(folder(`conformance/cases/${name}`));
  await visit.until(
    async () => (await visit.page.locator('#model').inputValue()) === name,
    'the folder is in the list',
  );
  await visit.ready();
}

test('lists every model beside the page, and the first one fetches no family that it does not need', async () => {
  const listed = await visit.page
    .locator('#model option')
    .evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value));
  expect(listed).toEqual(demos.toSorted());
  expect(await visit.page.locator('#model').inputValue()).toBe(first);
  expect(await visit.text('model-facts')).toBe('3.3 M parameters · 4 × softmax-attention');
  const scripts = fetched.filter((path) => path.endsWith('.js'));
  expect(scripts.some((path) => path.includes('/worker-'))).toBe(true);
  // Parts of the page's own, and none of a package that is imported when it is needed.
  expect(scripts.filter((path) => /\/(?:src|linear-attention|speculate|retriev|train)/.test(path))).toEqual([]);
});

test.each(demos.filter((name) => name !== first))('%s writes', async (name) => {
  await visit.page.locator('#model').selectOption(name);
  await visit.ready();
  expect(await visit.prompt.inputValue()).toBe('Once there was');
  await write(6);
  expect(await visit.text('text')).toMatch(/^Once there was an? \w+/);
});

test.each([
  ['deepseek_v2-groups', 'multi-head-latent-attention'],
  ['kda-value-heads', 'kimi-delta-attention'],
  ['qwen3_next-full', 'gated-delta-net'],
  ['gpt2-full', 'softmax-attention'],
  ['memory_mosaics_nano-plain', 'contextual-memory'],
])('a folder with %s is opened, and continues token ids', async (name, mixer) => {
  await openCase(name);
  expect(await visit.text('model-facts')).toContain(mixer);
  await visit.set({ Beginning: '1 2 3' });
  await write(3);
  expect(await visit.text('text')).toMatch(/^1 2 3( \d+){3}$/);
});

test('words are refused where there is no tokenizer, with what to write', async () => {
  await visit.set({ Beginning: 'ROMEO:' });
  await visit.send.click();
  await visit.until(() => visit.page.getByRole('alert').isVisible(), 'the refusal is shown');
  expect(await visit.text('problem-sentence')).toContain('Write ids, such as 1 2 3.');
});

test('what is no model is told, and another one can be chosen', async () => {
  await visit.page.locator('#model-files').setInputFiles(folder('conformance/package.json'));
  await visit.until(() => visit.page.getByRole('alert').isVisible(), 'the error is shown');
  expect(await visit.text('problem-sentence')).toContain('config.json');
  await openCase('gpt2-full');
});

test('nothing of all that offended the content security policy, and nothing complained', () => {
  expect(app.violations).toEqual([]);
  expect(visit.complaints.filter((text) => !text.includes('404'))).toEqual([]);
});
