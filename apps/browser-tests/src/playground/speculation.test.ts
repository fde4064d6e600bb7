import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { PlaygroundPage } from './playground-page.ts';
import { servePlayground } from './serve-playground.ts';

// Texts that are made of drafts, on the processor, by models that come with the page.

const folder = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

let browser: Browser;
let app: ServedApp;
let visit: PlaygroundPage;
let plain: string;

beforeAll(async () => {
  [app, browser] = await Promise.all([servePlayground(), launchBrowser({ webgpu: 'none' })]);
  visit = await PlaygroundPage.open(browser, app.address, { query: '?model=story-llama&speculation=story-mla' });
  await visit.ready();
});

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

const speculation = () => visit.view.getByLabel('Speculation');

async function write(temperature: number): Promise<string> {
  await visit.set({ Temperature: temperature, 'Tokens at most': 60, Seed: 4 });
  await visit.send.click();
  await visit.until(async () => (await visit.text('doing')) !== 'Ready', 'it begins');
  await visit.ready();
  return visit.text('continuation');
}

async function openDraft(path: string): Promise<void> {
  await visit.page.locator('#draft-folder').setInputFiles(folder(path));
  const name = path.split('/').at(-1)!;
  await visit.until(async () => (await speculation().inputValue()) === `draft=${name}`, 'the folder is in the list');
}

test('a model that the address names proposes, and a text in which nothing is drawn is as without it', async () => {
  const offered = await speculation().locator('option').allTextContents();
  expect(offered).toEqual(expect.arrayContaining(['Off', 'Look-ups', 'story-mla', 'story-draft']));
  // By itself the page offers only what is much smaller and reads the same tokens.
  for (const name of ['llama-4m', 'story-llama', 'story-gated-delta-net']) expect(offered).not.toContain(name);
  expect(await visit.text('speculation-facts')).toBe('A model of 1.2 M parameters proposes.');
  const drafted = await write(0);
  expect(await visit.page.locator('#continuation .accepted').count()).toBeGreaterThan(0);
  expect(await visit.text('draft-figures')).toMatch(/^\d+ rounds · [1-9]\d* % accepted · 1\.\d\d tokens\/round$/);
  await speculation().selectOption('Off');
  plain = await write(0);
  expect(drafted).toBe(plain);
  expect(await visit.page.locator('#continuation .accepted').count()).toBe(0);
  expect(await visit.page.locator('#drafts').isHidden()).toBe(true);
});

test('look-ups leave the text of a seed as it is', async () => {
  const drawn = await write(0.8);
  await speculation().selectOption('Look-ups');
  expect(await write(0.8)).toBe(drawn);
  expect(await visit.text('draft-figures')).toMatch(/ tokens\/round$/);
});

test('a model with other tokens is refused by name of the first that differs', async () => {
  await openDraft('models/llama-4m');
  await visit.ready();
  await write(0);
  expect(await visit.page.getByRole('alert').isVisible()).toBe(true);
  expect(await visit.text('problem-sentence')).toContain("The draft model does not read the target's tokens: id ");
});

test('a folder without a model is told, and the model that is there writes on', async () => {
  await openDraft('playground/screenshots');
  await visit.until(() => visit.page.getByRole('alert').isVisible(), 'the error is shown');
  expect(await visit.text('problem-sentence')).toMatch(/^The draft model could not be loaded\. .*config\.json/);
  await speculation().selectOption('Off');
  expect(await write(0)).toBe(plain);
});

test('nothing of all that offended the content security policy, and nothing complained', () => {
  expect(app.violations).toEqual([]);
  expect(visit.complaints.filter((text) => !text.includes('404'))).toEqual([]);
});
