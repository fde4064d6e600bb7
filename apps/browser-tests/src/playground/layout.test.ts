import type { Report, TokenKind } from '@tessera/playground/protocol';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { PlaygroundPage } from './playground-page.ts';
import type { Visit } from './playground-page.ts';
import { servePlayground } from './serve-playground.ts';
import { StagedWorker } from './staged-worker.ts';

// The page with a worker that says what a test tells it to.

let app: ServedApp;
let browser: Browser;

beforeAll(async () => {
  [app, browser] = await Promise.all([servePlayground(), launchBrowser({ webgpu: 'none' })]);
});

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

interface Staged {
  readonly visit: PlaygroundPage;
  say(report: Report): Promise<void>;
}

async function open(visit: Visit = {}): Promise<Staged> {
  const worker = new StagedWorker<Report>();
  const opened = await PlaygroundPage.open(browser, app.address, {
    ...visit,
    prepare: (page) => worker.prepare(page, 'worker'),
  });
  return { visit: opened, say: (report) => worker.say(report) };
}

const ready: Report = {
  type: 'ready',
  device: {
    kind: 'webgpu',
    name: 'An adapter with a very long name that no manufacturer could have meant seriously',
    notice: 'A sentence about the device, as long as such sentences are when they explain what happened and why.',
  },
  model: {
    parameters: 123_456_789,
    mixers: '12 × multi-head-latent-attention, 12 × grouped-linear-attention, 12 × scaled-positions',
    positions: 131_072,
    reach: { kind: 'context', refusal: undefined },
    tokenizer: true,
    memories: true,
  },
};
const text = (piece: string, tokens: number, kind: TokenKind = 'plain'): Report => ({
  type: 'text',
  text: piece,
  kind,
  speed: { prefillMs: 1234, tokens, tokensPerSecond: 123.4 },
  memoryBytes: 1_234_500_000,
});
const failure: Report = {
  type: 'failed',
  sentence: `A sentence with a long address in it: https://example.org/${'folder/'.repeat(20)}file`,
};

/** Texts of a whole visit, each state with what is longest in it. */
async function* states({ visit, say }: Staged): AsyncGenerator<string> {
  yield 'loading';
  await say({ type: 'progress', doing: 'Loading the model: 1234.5 of 6789.0 MB', ratio: 0.2 });
  yield 'loading further';
  await say(ready);
  await visit.ready();
  yield 'ready';
  await visit.set({ Beginning: 'ROMEO:\n', Seed: 123_456 });
  await visit.prompt.press('Enter');
  yield 'asked';
  for (let line = 0; line < 60; line++) await say(text(`A line of the text, number ${line}\n`, line));
  await say(text('x'.repeat(400), 61));
  await visit.tokens(61);
  yield 'writing';
  await say({ type: 'done', because: 'length' });
  await visit.ready();
  yield 'done';
  await visit.prompt.press('Enter');
  await say(failure);
  await visit.ready();
  yield 'failed';
}

describe.each([320, 390, 1000])('on a screen %i pixels wide', (width) => {
  test('nothing reaches beyond its edge', async () => {
    const staged = await open({ viewport: { width, height: 700 } });
    for await (const state of states(staged)) {
      const beyond = await staged.visit.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      expect({ state, beyond }).toEqual({ state, beyond: 0 });
    }
    await staged.visit.close();
  });

  test('nothing else moves while the text grows', async () => {
    const staged = await open({ viewport: { width, height: 900 } });
    const boxOf = async (id: string): Promise<string> =>
      JSON.stringify(await staged.visit.page.locator(id).boundingBox());
    const form = await boxOf('#form');
    const sheets: Record<string, string> = {};
    for await (const state of states(staged)) {
      expect({ state, form: await boxOf('#form') }).toEqual({ state, form });
      sheets[state] = await boxOf('#sheet');
    }
    expect([sheets['writing'], sheets['done']]).toEqual([sheets['asked'], sheets['asked']]);
    await staged.visit.close();
  });
});

test('what a model writes is text, never markup', async () => {
  const { visit, say } = await open();
  await say(ready);
  await visit.ready();
  const written = '<img src=x onerror="alert(1)"><b>bold</b>&amp;';
  await visit.set({ Beginning: '<i>not slanted</i>' });
  await visit.prompt.press('Enter');
  await say(text(written, 2));
  await visit.tokens(2);
  expect(await visit.text('text')).toBe(`<i>not slanted</i>${written}`);
  expect(await visit.page.locator('#text :not(span)').count()).toBe(0);
  await visit.close();
});

test('drafted tokens have a class, and rejected ones are seen to be none of the text', async () => {
  const { visit, say } = await open();
  await say(ready);
  await visit.ready();
  await visit.prompt.press('Enter');
  await say(text('Ah, ', 1));
  await say(text('my lady', 2, 'drafted-rejected'));
  await say(text('my lord', 3, 'drafted-accepted'));
  await visit.tokens(3);
  const spans = visit.page.locator('#continuation span');
  expect(await spans.evaluateAll((all) => all.map(({ className, textContent }) => [className, textContent]))).toEqual([
    ['plain', 'Ah, '],
    ['drafted-rejected', 'my lady'],
    ['drafted-accepted', 'my lord'],
  ]);
  expect(await spans.nth(1).evaluate((span) => getComputedStyle(span).textDecorationLine)).toBe('line-through');
  await visit.close();
});

test('the text is followed to its end, unless the person reads further up', async () => {
  const { visit, say } = await open({ viewport: { width: 390, height: 700 } });
  await say(ready);
  await visit.ready();
  await visit.prompt.press('Enter');
  const distance = (): Promise<number> =>
    visit.page.locator('#sheet').evaluate((sheet) => sheet.scrollHeight - sheet.scrollTop - sheet.clientHeight);
  await say(text('A line\n'.repeat(50), 50));
  await visit.tokens(50);
  expect(await distance()).toBeLessThan(2);
  await visit.page.locator('#sheet').evaluate((sheet) => sheet.scrollTo(0, 0));
  await say(text('A line\n'.repeat(50), 100));
  await visit.tokens(100);
  expect(await visit.page.locator('#sheet').evaluate((sheet) => sheet.scrollTop)).toBe(0);
  await visit.close();
});

test('a screen reader hears the text when it stands, and the focus goes where the next key belongs', async () => {
  const { visit, say } = await open();
  await say(ready);
  await visit.ready();
  const live = visit.page.locator('#text');
  expect(await live.getAttribute('aria-live')).toBe('polite');
  await visit.send.focus();
  await visit.page.keyboard.press('Enter');
  expect(await live.getAttribute('aria-busy')).toBe('true');
  expect(await visit.stop.evaluate((stop) => stop === document.activeElement)).toBe(true);
  await say({ type: 'done', because: 'stop' });
  await visit.ready();
  expect(await live.getAttribute('aria-busy')).toBe('false');
  expect(await visit.prompt.evaluate((prompt) => prompt === document.activeElement)).toBe(true);
  await visit.close();
});

test('settings out of their range are not sent', async () => {
  const { visit, say } = await open();
  await say(ready);
  await visit.ready();
  await visit.set({ 'Top-p': 7 });
  await visit.prompt.press('Enter');
  expect(await visit.text('doing')).toBe('Ready');
  expect(await visit.page.locator('#top-p').evaluate((input) => input.matches(':user-invalid'))).toBe(true);
  await visit.close();
});
