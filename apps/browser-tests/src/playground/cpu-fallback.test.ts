import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser, untrustedHost } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { PlaygroundPage } from './playground-page.ts';
import { servePlayground } from './serve-playground.ts';

let app: ServedApp;
let withAdapter: Browser;
let withoutAdapter: Browser;

beforeAll(async () => {
  [app, withAdapter, withoutAdapter] = await Promise.all([
    servePlayground(),
    launchBrowser({ webgpu: 'software' }),
    launchBrowser({ webgpu: 'none' }),
  ]);
});

afterAll(async () => {
  await Promise.all([withAdapter?.close(), withoutAdapter?.close()]);
  await app?.close();
});

/** Opens the page, has it write a few words, and gives its sentence about the device. */
async function noticeOf(browser: Browser, address: string, query = ''): Promise<string> {
  const visit = await PlaygroundPage.open(browser, address, { query });
  await visit.ready();
  expect(await visit.text('device')).toMatch(/^CPU/);
  expect(await visit.page.locator('#notice').isVisible()).toBe(true);
  await visit.set({ Temperature: 0, 'Tokens at most': 8 });
  await visit.prompt.press('Enter');
  await visit.tokens(8);
  await visit.ready();
  expect(await visit.text('text')).toMatch(/^ROMEO:\nO, that'st thou/);
  expect(visit.complaints).toEqual([]);
  const notice = await visit.text('notice');
  await visit.close();
  return notice;
}

test('without an adapter the model runs on the processor, and a sentence says so', async () => {
  expect(await noticeOf(withoutAdapter, app.address)).toBe(
    'The model runs on the processor, more slowly than on a GPU: this browser finds no GPU that WebGPU can use.',
  );
});

test('an adapter in software is left alone unless it is asked for', async () => {
  expect(await noticeOf(withAdapter, app.address)).toContain('the only adapter imitates one in software');
});

test('a page that is no secure context has no WebGPU, and says what would help', async () => {
  const address = new URL(app.address);
  address.hostname = untrustedHost;
  expect(await noticeOf(withAdapter, address.href)).toContain('to pages from https:// and from localhost only');
});

test('the address can ask for the processor', async () => {
  expect(await noticeOf(withAdapter, app.address, '?device=cpu')).toContain('the address asks for it.');
});

test('a device that does not exist is refused with those that do', async () => {
  const visit = await PlaygroundPage.open(withAdapter, app.address, { query: '?device=tpu' });
  await visit.until(() => visit.page.getByRole('alert').isVisible(), 'the refusal is shown');
  expect(await visit.text('problem-sentence')).toBe('The address asks for device=tpu; it can be auto, webgpu, cpu.');
  await visit.close();
});

test('the processor computes without WebAssembly, which the policy forbids, and does not even try', () => {
  expect(app.violations).toEqual([]);
});
