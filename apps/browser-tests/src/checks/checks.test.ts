import { fileURLToPath } from 'node:url';
import { contentSecurityPolicy } from '@tessera/playground/content-security-policy';
import { takesAll } from '@tessera/software-gpu';
import { CpuDevice } from '@tessera/tensor-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { serveApp } from '../browser/serve-app.ts';
import { conformance } from './conformance.ts';
import { laws } from './laws.ts';

const all = takesAll('all but one law of each kind in a browser');

// The names of the checks are the same on every device, and only the page runs them.
const named = new CpuDevice();

/** A guard against hanging, for all checks together. */
const patience = (all ? 60 : 10) * 60_000;
let end: number;

let app: ServedApp;
let browser: Browser;
let page: Page;

beforeAll(async () => {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  [app, browser] = await Promise.all([serveApp(root, contentSecurityPolicy), launchBrowser({ webgpu: 'software' })]);
  page = await browser.newPage();
  await page.goto(app.address + (all ? '?all' : ''));
  end = performance.now() + patience;
});

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

test('the page found the software adapter', async () => {
  const device = page.locator('#device', { hasNotText: 'Looking' });
  expect(await device.textContent()).toMatch(/^WebGPU · /);
});

// The page runs the checks one after the other, and each test waits for its own.
describe.each([
  ['laws on WebGPU in a browser', laws(named, all)],
  ['conformance on WebGPU in a browser', conformance(named)],
])('%s', (_, checks) => {
  test.each(checks)('$name', { timeout: patience }, async ({ name }) => {
    const line = page.locator(`li[data-name=${JSON.stringify(name)}]`);
    await line.waitFor({ timeout: Math.max(1, end - performance.now()) });
    expect(await line.getAttribute('data-outcome')).toBe('holds');
  });
});

test('none of it offended the content security policy', () => {
  expect(app.violations).toEqual([]);
});
