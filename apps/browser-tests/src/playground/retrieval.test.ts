import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { PlaygroundPage } from './playground-page.ts';
import { servePlayground } from './serve-playground.ts';

// What the heads of a Memory Mosaic read, on the processor: a case of four memories and a few thousand parameters.

const folder = fileURLToPath(new URL('../../../conformance/cases/memory_mosaics_library-plain', import.meta.url));

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

const caption = (): Promise<string> => visit.text('retrieval-caption');
const heads = () => visit.view.getByRole('button', { name: 'Retrieval' });

test('is offered for models that have memories, once there is a text', async () => {
  expect(await heads().isVisible()).toBe(false);
  await visit.page.locator('#model-folder').setInputFiles(folder);
  await visit.until(() => heads().isVisible(), 'the model is there');
  await visit.ready();
  expect(await heads().isDisabled()).toBe(true);
  await visit.set({ Beginning: '5 6 7 5 6 7', Temperature: 0, 'Tokens at most': 4 });
  await visit.send.click();
  await visit.tokens(4);
  await visit.ready();
  expect(await heads().isEnabled()).toBe(true);
});

test('shows for each layer and head the strongest earlier pairs of the last token', async () => {
  await heads().click();
  await visit.until(async () => (await caption()) !== '', 'it is shown');
  expect(await visit.page.locator('#retrieval-tokens [role=option]').count()).toBe(10);
  expect(await caption()).toMatch(/^What each head reads at token 9, “\d+”$/);
  expect(await visit.page.locator('#retrieval-rows th').allTextContents()).toEqual([
    'Layer 0, head 0',
    'Layer 0, head 1',
    'Layer 2, head 0',
    'Layer 2, head 1',
  ]);
  const pairs = await visit.page.locator('#retrieval-rows tr').first().locator('li').allTextContents();
  const read = pairs.map((pair) => /^(\d+)% “(\d+)” → “(\d+)” at (\d+)$/.exec(pair)!.slice(1).map(Number));
  expect(read).toHaveLength(5);
  const weights = read.map(([weight]) => weight!);
  expect(weights).toEqual(weights.toSorted((a, b) => b - a));
  expect(read.every(([, , , position]) => position! < 9)).toBe(true);
});

test('keys choose another token, and marks in the text follow', async () => {
  const selected = (): Promise<string | null> =>
    visit.page.locator('#retrieval-tokens [aria-selected=true]').getAttribute('id');
  expect(await visit.page.evaluate(() => document.activeElement?.id)).toBe('retrieval-tokens');
  await visit.page.keyboard.press('ArrowLeft');
  expect(await selected()).toBe('retrieval-token-8');
  await visit.page.keyboard.press('Home');
  expect(await caption()).toBe('What each head reads at token 0, “5”');
  expect(await visit.text('retrieval-rows')).toContain('Nothing: there is no earlier pair.');
  await visit.page.locator('#retrieval-tokens [role=option]').nth(1).click();
  // One pair is complete by then, and all the weight is on it.
  expect(await visit.page.locator('#retrieval-rows li').allTextContents()).toEqual(
    new Array(4).fill('100% “5” → “6” at 0'),
  );
  const mark = visit.page.locator('#retrieval-token-0');
  expect(await mark.evaluate((token) => token.style.getPropertyValue('--weight'))).toBe('100%');
  const second = visit.view.getByRole('button', { name: 'Layer 0, head 1' });
  await second.click();
  expect(await second.getAttribute('aria-pressed')).toBe('true');
});

test('Escape brings the text back, with the focus where it came from', async () => {
  await visit.page.keyboard.press('Escape');
  expect(await visit.page.locator('#sheet').isVisible()).toBe(true);
  expect(await visit.page.locator('#retrieval').isVisible()).toBe(false);
  expect(await heads().evaluate((button) => button === document.activeElement)).toBe(true);
  expect(app.violations).toEqual([]);
});
