import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { exposeDevice, loseDevice } from './lose-device.ts';
import { PlaygroundPage } from './playground-page.ts';
import { servePlayground } from './serve-playground.ts';

// One page through a whole visit, on WebGPU: each test goes on where the one before it ended.

const meta = new URL('../../../models/llama-4m/meta.json', import.meta.url);
const { greedy } = JSON.parse(await readFile(meta, 'utf8')) as {
  greedy: { prompt: string; ids: readonly number[]; text: string };
};
const continued = greedy.text.slice(greedy.prompt.length);
const promptTokens = 3;

let browser: Browser;
let app: ServedApp;
let visit: PlaygroundPage;

beforeAll(async () => {
  [app, browser] = await Promise.all([servePlayground(), launchBrowser({ webgpu: 'software' })]);
  visit = await PlaygroundPage.open(browser, app.address, {
    query: '?device=webgpu',
    prepare: async (page) => void (await page.addInitScript(recordChanges)),
  });
  await visit.ready();
});

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

/** Runs in the page: keeps what some elements said over time. */
function recordChanges(): void {
  const said: Record<string, string[]> = { doing: [], continuation: [] };
  Object.assign(window, { said });
  new MutationObserver(() => {
    for (const [id, texts] of Object.entries(said)) {
      const text = document.getElementById(id)?.textContent ?? '';
      if (text !== texts.at(-1)) texts.push(text);
    }
  }).observe(document, { childList: true, subtree: true, characterData: true });
}

function said(id: 'doing' | 'continuation'): Promise<string[]> {
  return visit.page.evaluate((key) => (window as unknown as { said: Record<string, string[]> }).said[key]!, id);
}

test('loads the model with its progress, on WebGPU and without cross-origin isolation', async () => {
  expect(await visit.text('device')).toMatch(/^WebGPU · \S/);
  expect(await visit.page.locator('#notice').isHidden()).toBe(true);
  expect((await said('doing')).join('\n')).toMatch(/Loading the model: 6.7 of 6.7 MB, \d+ of \d+ steps compiled/);
  expect(await visit.page.evaluate(() => crossOriginIsolated)).toBe(false);
});

test('continues a text as the reference does, piece by piece, and shows the speed', async () => {
  const count = greedy.ids.length - promptTokens;
  await visit.set({ Beginning: greedy.prompt, Temperature: 0, 'Tokens at most': count });
  await visit.send.click();
  await visit.tokens(count);
  await visit.ready();
  expect(await visit.text('text')).toBe(greedy.text);
  expect(await visit.text('figures')).toMatch(
    new RegExp(`^prefill [\\d.]+ m?s · [\\d.]+ tokens/s · ${count} tokens · state [\\d.]+ [kM]B$`),
  );
  const pieces = await said('continuation');
  expect(pieces.length).toBeGreaterThan(count / 2);
  expect(pieces.every((piece) => continued.startsWith(piece))).toBe(true);
});

test('equal seeds give equal texts', async () => {
  await visit.set({ Temperature: 1, 'Tokens at most': 8, Seed: 7 });
  const write = async (): Promise<string> => {
    await visit.prompt.press('Enter');
    await visit.tokens(8);
    await visit.ready();
    expect(await visit.text('figures')).toMatch(/ 8 tokens · state [\d.]+ [kM]B · seed 7$/);
    return visit.text('continuation');
  };
  expect(await write()).toBe(await write());
});

test('Stop and Escape end a text, and what was written stays', async () => {
  await visit.set({ Temperature: 0, 'Tokens at most': 400 });
  for (const end of [() => visit.stop.click(), () => visit.page.keyboard.press('Escape')]) {
    await visit.prompt.press('Enter');
    await visit.tokens(3);
    await end();
    await visit.ready();
    expect(await visit.text('doing')).toBe('Stopped');
    expect(continued.startsWith(await visit.text('continuation'))).toBe(true);
  }
});

test('Shift and Enter break the line', async () => {
  await visit.prompt.fill('JULIET:');
  await visit.prompt.press('Shift+Enter');
  expect(await visit.prompt.inputValue()).toBe('JULIET:\n');
  expect(await visit.text('doing')).toBe('Stopped');
});

test('an error is a sentence, and the page goes on', async () => {
  await visit.set({ Beginning: greedy.prompt, 'Tokens at most': 4000 });
  await visit.send.click();
  await visit.until(() => visit.page.getByRole('alert').isVisible(), 'the error is shown');
  expect(await visit.text('problem-sentence')).toContain('4000 new ones are asked for; the context holds 512.');
  await visit.set({ 'Tokens at most': 2 });
  await visit.send.click();
  await visit.tokens(2);
  await visit.ready();
  expect(await visit.page.getByRole('alert').isHidden()).toBe(true);
});

async function expectLoss(): Promise<void> {
  await visit.until(() => visit.page.getByRole('alert').isVisible(), 'the loss is told');
  expect(await visit.text('problem-sentence')).toContain('The GPU device was lost');
  expect(await visit.send.isDisabled()).toBe(true);
}

test('a device that is lost is told, in the middle of a text and in a pause, and the model can be loaded again', async () => {
  await exposeDevice(visit);
  await visit.set({ Temperature: 0, 'Tokens at most': 400 });
  await visit.send.click();
  await visit.tokens(3);
  await loseDevice(visit);
  await expectLoss();
  expect(await visit.text('continuation')).not.toBe('');

  await visit.page.getByRole('button', { name: 'Load the model again' }).click();
  await visit.ready();
  expect(await visit.text('device')).toMatch(/^WebGPU · /);
  await visit.set({ 'Tokens at most': 8 });
  await visit.send.click();
  await visit.tokens(8);
  await visit.ready();
  expect(greedy.text.startsWith(await visit.text('text'))).toBe(true);

  await loseDevice(visit);
  await expectLoss();
});

test('nothing of all that offended the content security policy, and nothing complained', () => {
  expect(app.violations).toEqual([]);
  expect(visit.complaints).toEqual([]);
});

test('an offence would have been noticed, in the page and in the worker', async () => {
  const [worker] = visit.page.workers();
  const forbidden = new URL(app.address);
  forbidden.hostname = 'localhost';
  await worker!.evaluate((address) => fetch(address).catch(() => undefined), forbidden.href);
  await visit.page.evaluate(() =>
    document.body.append(Object.assign(document.createElement('style'), { textContent: 'p{}' })),
  );
  await visit.until(async () => app.violations.length === 2 && visit.complaints.length > 0, 'both are reported');
  expect(app.violations.map(({ directive }) => directive).toSorted()).toEqual(['connect-src', 'style-src-elem']);
  expect(visit.complaints.join()).toContain('Content Security Policy');
});
