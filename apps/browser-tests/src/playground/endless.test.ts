import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { PlaygroundPage } from './playground-page.ts';
import { servePlayground } from './serve-playground.ts';

// Streams without end, on the processor, of models with a few thousand parameters.

let browser: Browser;
let app: ServedApp;
let visit: PlaygroundPage;

beforeAll(async () => {
  [app, browser] = await Promise.all([servePlayground(), launchBrowser({ webgpu: 'none' })]);
  visit = await PlaygroundPage.open(browser, app.address);
  await visit.ready();
});

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

async function openCase(name: string): Promise<void> {
  const folder = fileURLToPath(new URL(`../../../conformance/cases/${name}`, import.meta.url));
  await visit.page.locator('#model-folder').setInputFiles(folder);
  await visit.until(
    async () => (await visit.page.locator('#model').inputValue()) === name,
    'the folder is in the list',
  );
  await visit.ready();
  await visit.set({ Beginning: '1 2 3', Temperature: 1, Seed: 3 });
}

interface Sight {
  readonly elements: number;
  readonly characters: number;
  readonly state: string;
}

/** What the page holds now, and the device. */
async function look(): Promise<Sight> {
  const [elements, characters] = await visit.page.evaluate(() => [
    document.querySelectorAll('*').length,
    document.body.textContent.length,
  ]);
  const state = /state ([\d.]+ [kM]B)/.exec(await visit.text('figures'))?.[1] ?? 'none';
  return { elements: elements!, characters: characters!, state };
}

test('a stream that is endless goes far past the context, and page and device hold no more than before', async () => {
  await openCase('llama-full');
  expect(await visit.text('reach')).toBe('A text ends at 64 tokens, unless it is endless.');
  await visit.page.getByLabel('Endless').check();
  await visit.ready();
  expect(await visit.text('reach')).toBe('It sees the first 4 and the last 60 tokens, at flat memory.');
  expect(await visit.page.getByLabel('Tokens at most').isDisabled()).toBe(true);
  await visit.send.click();
  // By then the beginning has been let go.
  await visit.until(() => visit.page.locator('#let-go').isVisible(), 'the page is full');
  const full = await look();
  await visit.tokens((await visit.written()) + 2000);
  const later = await look();
  await visit.stop.click();
  await visit.ready();
  expect(await visit.text('doing')).toBe('Stopped');
  expect(full.state).not.toBe('none');
  expect(later.state).toBe(full.state);
  expect(later.elements).toBeLessThanOrEqual(full.elements + 2);
  expect(later.characters).toBeLessThan(full.characters + 1500);
  expect(await visit.text('let-go')).toMatch(/^… [\d,]+ characters before this/);
  expect(await visit.text('text')).toMatch(/( \d+){1000}$/);
});

test('so does one that is made of drafts, whose marks go with the text', async () => {
  await visit.page.getByLabel('Speculation').selectOption('Look-ups');
  // Of what is drawn evenly among all tokens nobody would keep anything, which is foreseen.
  await visit.set({ Temperature: 0 });
  await visit.send.click();
  await visit.until(() => visit.page.locator('#let-go').isVisible(), 'the page is full');
  const full = await look();
  await visit.tokens((await visit.written()) + 2000);
  const later = await look();
  const marked = await visit.page.locator('#continuation .accepted').count();
  await visit.stop.click();
  await visit.ready();
  expect(await visit.text('doing')).toBe('Stopped');
  expect(later.state).toBe(full.state);
  // A piece has a character at least, and no more of them are shown than this.
  expect(later.elements).toBeLessThan(4000);
  expect(later.characters).toBeLessThan(full.characters + 1500);
  expect(marked).toBeGreaterThan(0);
  const [, rounds, acceptance] = /^([\d,]+) rounds · (\d+) % accepted · [\d.]+ tokens\/round$/.exec(
    await visit.text('draft-figures'),
  )!;
  expect(Number(rounds!.replaceAll(',', ''))).toBeGreaterThan(1000);
  expect(Number(acceptance)).toBeGreaterThan(0);
  await visit.page.getByLabel('Speculation').selectOption('Off');
});

test('what was streamed for long is downloaded from its first token to its last', async () => {
  const download = visit.page.waitForEvent('download');
  await visit.view.getByRole('button', { name: 'Download' }).click();
  const text = await readFile(await (await download).path(), 'utf8');
  expect(text.split(' ')).toHaveLength(3 + (await visit.written()));
});

test('other sinks and another window are taken at once', async () => {
  await visit.set({ Sinks: 2, Window: 20 });
  await visit.prompt.focus();
  const taken = 'It sees the first 2 and the last 20 tokens, at flat memory.';
  await visit.until(async () => (await visit.text('reach')) === taken, 'they are told');
  await visit.ready();
  expect(await visit.text('doing')).toBe('Ready');
});

test('a recurrent model says that it is endless by itself, and is', async () => {
  await openCase('delta_net-plain');
  expect(await visit.text('reach')).toBe('This model is endless by itself: what it remembers is of constant size.');
  expect(await visit.page.getByLabel('Sinks').isDisabled()).toBe(true);
  await visit.page.getByLabel('Endless').uncheck();
  expect(await visit.text('doing')).toBe('Ready');
  await visit.set({ Temperature: 0, 'Tokens at most': 300 });
  await visit.send.click();
  await visit.tokens(300);
  await visit.ready();
  expect(await visit.text('doing')).toBe('As many tokens as asked for');
});

test('a model that cannot be endless says why, and is not', async () => {
  await visit.page.getByLabel('Endless').check();
  await openCase('gpt2-full');
  expect(await visit.text('reach')).toContain('it has learned a vector for each position');
  expect(await visit.page.getByLabel('Endless').isChecked()).toBe(false);
  expect(await visit.page.getByLabel('Endless').isDisabled()).toBe(true);
});
