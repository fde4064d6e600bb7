import { readFile } from 'node:fs/promises';
import type { Report, TokenKind } from '@tessera/playground/protocol';
import type { Browser, Locator } from 'playwright-core';
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
    draft: undefined,
  },
};
const text = (piece: string, tokens: number, kind: TokenKind = 'plain', rejected = ''): Report => ({
  type: 'text',
  text: piece,
  kind,
  rejected,
  speed: { prefillMs: 1234, tokens, tokensPerSecond: 123.4 },
  stateBytes: 1_234_500_000,
  drafts: { rounds: 123_456, drafted: 4 * tokens, accepted: tokens },
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
  await visit.page.getByLabel('Speculation').selectOption('Look-ups');
  yield 'speculating';
  await visit.set({ Beginning: 'ROMEO:\n', Seed: 123_456 });
  await visit.prompt.press('Enter');
  yield 'asked';
  for (let line = 0; line < 60; line++)
    await say(text(`A line of the text, number ${line}\n`, line, 'accepted', 'a rejected draft '.repeat(20)));
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
    let form = await boxOf('#form');
    const sheets: Record<string, string> = {};
    for await (const state of states(staged)) {
      // Settings that a person chooses may bring a sentence of their own.
      if (state === 'speculating') form = await boxOf('#form');
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

const lineOf = (element: Locator): Promise<string> =>
  element.evaluate((node) => getComputedStyle(node).textDecorationLine);

test('accepted drafts are underlined in the text, and rejected ones are struck out beside it, with a legend', async () => {
  const { visit, say } = await open();
  await say(ready);
  await visit.ready();
  expect(await visit.page.locator('#drafts').isHidden()).toBe(true);
  await visit.page.getByLabel('Speculation').selectOption('Look-ups');
  expect(await visit.page.locator('#drafts').isVisible()).toBe(true);
  await visit.prompt.press('Enter');
  await say(text('Ah, ', 1));
  await say(text('my', 2, 'accepted'));
  await say(text(' lord', 3, 'plain', ' lady\n'));
  await visit.tokens(3);
  await say({ type: 'done', because: 'length' });
  await visit.ready();
  const spans = visit.page.locator('#continuation span');
  expect(await spans.evaluateAll((all) => all.map(({ className, textContent }) => [className, textContent]))).toEqual([
    ['plain', 'Ah, '],
    ['accepted', 'my'],
    ['plain', ' lord'],
  ]);
  const rejected = visit.page.locator('#rejected s');
  expect(await rejected.allTextContents()).toEqual(['lady⏎']);
  // Not by colour alone, and the legend looks as what it explains.
  for (const [marked, line] of [
    [spans.nth(1), 'underline'],
    [visit.page.locator('#draft-legend .accepted'), 'underline'],
    [rejected, 'line-through'],
    [visit.page.locator('#draft-legend s'), 'line-through'],
  ] as const)
    expect(await lineOf(marked)).toBe(line);
  expect(await visit.text('draft-figures')).toBe('123,456 rounds · 25 % accepted · 0.00 tokens/round');
  await visit.close();
});

test.each([false, true])('marks can be read on their ground, dark: %s', async (dark) => {
  const { visit, say } = await open({ dark });
  await say(ready);
  await visit.ready();
  await visit.prompt.press('Enter');
  await say(text('my', 1, 'accepted', 'lady'));
  await visit.tokens(1);
  await say({ type: 'done', because: 'length' });
  await visit.ready();
  for (const id of ['#continuation .accepted', '#rejected s', '#draft-figures', '#let-go'])
    expect({ id, contrast: await contrastOf(visit.page.locator(id).first()) }).toEqual({
      id,
      contrast: expect.toSatisfy((contrast: number) => contrast >= 4.5),
    });
  await visit.close();
});

/** Of the letters of an element on the sheet, by the rule of WCAG 2. */
function contrastOf(letters: Locator): Promise<number> {
  return letters.evaluate((node) => {
    const luminance = (color: string): number => {
      const channels = color
        .match(/[\d.]+/g)!
        .slice(0, 3)
        .map((channel) => Number(channel) / 255);
      const [r, g, b] = channels.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
    };
    const ground = luminance(getComputedStyle(document.querySelector('main')!).backgroundColor);
    const ink = luminance(getComputedStyle(node).color);
    return (Math.max(ground, ink) + 0.05) / (Math.min(ground, ink) + 0.05);
  });
}

test('where motion is not wanted, rejected drafts stand for a while', async () => {
  const { visit, say } = await open({ reducedMotion: true });
  await say(ready);
  await visit.ready();
  await visit.prompt.press('Enter');
  for (let token = 1; token <= 40; token++) await say(text('a', token, 'plain', String(token)));
  await visit.tokens(40);
  const rejected = visit.page.locator('#rejected s');
  expect(await rejected.count()).toBeLessThan(8);
  await say({ type: 'done', because: 'length' });
  await visit.ready();
  expect(await rejected.first().textContent()).toBe('40');
  await visit.close();
});

test('a text is copied and downloaded as a whole, what was let go too', async () => {
  const { visit, say } = await open();
  await visit.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await say(ready);
  await visit.ready();
  expect(await visit.view.getByRole('button', { name: 'Download' }).isDisabled()).toBe(true);
  await visit.set({ Beginning: 'The beginning\n' });
  await visit.prompt.press('Enter');
  const lines = Array.from({ length: 1000 }, (_, line) => `A line of the text, number ${line}\n`);
  for (let at = 0; at < lines.length; at += 100) await say(text(lines.slice(at, at + 100).join(''), at + 100));
  await visit.tokens(1000);
  expect(await visit.text('let-go')).toMatch(/^… [\d,]+ characters before this: Copy and Download have them$/);
  expect((await visit.text('text')).length).toBeLessThan(13_000);
  const whole = `The beginning\n${lines.join('')}`;
  const download = visit.page.waitForEvent('download');
  await visit.view.getByRole('button', { name: 'Download' }).click();
  expect(await readFile(await (await download).path(), 'utf8')).toBe(whole);
  await visit.view.getByRole('button', { name: 'Copy' }).click();
  await visit.until(async () => (await visit.text('copy')) === 'Copied', 'it is copied');
  expect(await visit.page.evaluate(() => navigator.clipboard.readText())).toBe(whole);
  await visit.close();
});

test('the text is followed to its end, unless the person reads further up', async () => {
  const { visit, say } = await open({ viewport: { width: 390, height: 700 } });
  await say(ready);
  await visit.ready();
  await visit.page.getByLabel('Speculation').selectOption('Look-ups');
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
