import type { TrainReport } from '@tessera/playground/train-protocol';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { PlaygroundPage } from './playground-page.ts';
import type { Visit } from './playground-page.ts';
import { servePlayground } from './serve-playground.ts';
import { StagedWorker } from './staged-worker.ts';
import { TrainingPage } from './training-page.ts';

// The view that trains, with a worker that says what a test tells it to.

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
  readonly visit: TrainingPage;
  say(report: TrainReport): Promise<void>;
}

const ready: TrainReport = {
  type: 'ready',
  device: {
    kind: 'webgpu',
    name: 'An adapter with a very long name that no manufacturer could have meant seriously',
    notice: 'A sentence about the device, as long as such sentences are when they explain what happened and why.',
  },
};
const began: TrainReport = {
  type: 'began',
  model: { parameters: 123_456_789, contextLength: 1024 },
  tokens: 123_456_789,
  notice: 'There is no loss of validation, since no end of the text can be kept apart for it.',
};

async function open(visit: Visit = {}): Promise<Staged> {
  const worker = new StagedWorker<TrainReport>();
  const opened = await TrainingPage.open(browser, app.address, {
    ...visit,
    prepare: (page) => worker.prepare(page, 'training-worker'),
  });
  await opened.until(async () => opened.page.workers().length === 1, 'the worker is there');
  await worker.say(ready);
  await opened.ready();
  return { visit: opened, say: (report) => worker.say(report) };
}

/** Starts a training and lets it do so many steps. */
async function train({ visit, say }: Staged, steps: number): Promise<void> {
  await visit.button('Start training').click();
  await say(began);
  const losses = Array.from({ length: steps }, (_, step) => 6 - step / steps);
  await say({ type: 'steps', step: steps, losses, tokensPerSecond: 123_456 });
  await visit.reach(steps);
}

/** A whole visit, each state with what is longest in it. */
async function* states(staged: Staged): AsyncGenerator<string> {
  const { visit, say } = staged;
  yield 'ready';
  await say({ type: 'measured', parameters: 123_456_789 });
  await visit.view.getByLabel('Your text').check();
  await visit.view.getByLabel('Text', { exact: true }).fill('x'.repeat(400));
  yield 'text of one’s own';
  await visit.view
    .getByLabel('Choose files')
    .setInputFiles([{ name: `${'file'.repeat(40)}.txt`, mimeType: 'text/plain', buffer: Buffer.from('A text') }]);
  yield 'files';
  await visit.view.getByLabel('Stories').check();
  await visit.set({ Steps: 100_000 });
  await visit.button('Start training').click();
  yield 'started';
  await say({ type: 'preparing', doing: 'Learning pieces of words: 1,234 of 4,096', ratio: 0.3 });
  yield 'preparing';
  await say(began);
  await say({ type: 'steps', step: 90_000, losses: [6.1234, 1234.5678], tokensPerSecond: 123_456 });
  await say({ type: 'evaluated', step: 2, loss: 5.5 });
  await visit.reach(90_000);
  yield 'training';
  await say({ type: 'writing', step: 90_000, prompt: 'y'.repeat(200) });
  await say({ type: 'text', text: 'x'.repeat(400), speed: { prefillMs: 1, tokens: 123, tokensPerSecond: 1234.5 } });
  await visit.samples(1);
  yield 'writing';
  await say({ type: 'written' });
  await visit.button('Pause').click();
  await say({ type: 'paused' });
  await visit.says('Paused');
  yield 'paused';
  await say({
    type: 'ended',
    because: 'problem',
    sentence: `A sentence with a long address in it: https://example.org/${'folder/'.repeat(20)}file`,
  });
  await visit.says('Ended before its time');
  yield 'ended';
}

test.each([320, 390, 1000])('on a screen %i pixels wide nothing reaches beyond its edge', async (width) => {
  const staged = await open({ viewport: { width, height: 700 } });
  for await (const state of states(staged)) {
    const beyond = await staged.visit.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect({ state, beyond }).toEqual({ state, beyond: 0 });
  }
  await staged.visit.close();
});

test('what a model writes is text, never markup', async () => {
  const staged = await open();
  await train(staged, 3);
  const { visit, say } = staged;
  const written = '<img src=x onerror="alert(1)"><b>bold</b>&amp;';
  await say({ type: 'writing', step: 3, prompt: '<i>not slanted</i>' });
  await say({ type: 'text', text: written, speed: { prefillMs: 1, tokens: 1, tokensPerSecond: undefined } });
  // The sample is there before its text is.
  await visit.until(async () => (await visit.sample()).includes(written), 'the text is shown');
  expect(await visit.sample()).toBe(`After step 3 · 1 token<i>not slanted</i>${written}`);
  expect(await visit.page.locator('#train-samples li :not(span)').count()).toBe(0);
  await visit.close();
});

test('who leaves what was not downloaded is asked first, and can stay', async () => {
  const staged = await open();
  await train(staged, 3);
  const { visit } = staged;
  const dialog = visit.page.getByRole('dialog');
  const leave = visit.page.getByRole('link', { name: 'Write' });
  await leave.click();
  await dialog.getByRole('button', { name: 'Stay' }).click();
  expect(await visit.view.getByRole('button', { name: 'Pause' }).isVisible()).toBe(true);
  await visit.until(async () => new URL(visit.page.url()).hash === '#train', 'the address is the old one');

  await leave.click();
  await dialog.getByRole('button', { name: 'Go on' }).click();
  await visit.until(() => visit.page.locator('#write-view').isVisible(), 'the other view is shown');
  await visit.close();

  const other = await open();
  await train(other, 3);
  await other.say({ type: 'ended', because: 'steps' });
  await other.say({ type: 'packed', bytes: new Uint8Array(3) });
  await other.visit.says('All steps are done');
  await other.visit.until(() => other.visit.button('New training').isVisible(), 'it can begin anew');
  await other.visit.button('New training').click();
  await other.visit.ready();
  expect(await other.visit.page.getByRole('dialog').isHidden()).toBe(true);
  await other.visit.close();
});

test('the focus goes where the next key belongs, and Pause keeps it while the step ends', async () => {
  const { visit, say } = await open();
  await visit.button('Start training').focus();
  await visit.page.keyboard.press('Enter');
  await say(began);
  await say({ type: 'steps', step: 1, losses: [6], tokensPerSecond: undefined });
  await visit.reach(1);
  await visit.page.keyboard.press('Tab');
  expect(await visit.button('Pause').evaluate((button) => button === document.activeElement)).toBe(true);
  await visit.page.keyboard.press('Enter');
  await visit.says('Ending the step');
  expect(await visit.button('Pause').evaluate((button) => button === document.activeElement)).toBe(true);
  await say({ type: 'paused' });
  await visit.says('Paused');
  expect(await visit.button('Continue').evaluate((button) => button === document.activeElement)).toBe(true);
  await visit.close();
});

test('numbers out of their range are not sent, and a preparation that fails comes back to the form', async () => {
  const { visit, say } = await open();
  await visit.set({ Layers: 99 });
  await visit.button('Start training').click();
  expect(await visit.button('Start training').isVisible()).toBe(true);
  await visit.set({ Layers: 2 });
  await visit.button('Start training').click();
  await visit.until(() => visit.button('Cancel').isVisible(), 'it prepares');
  await say({ type: 'failed', sentence: 'There is no text to learn from.' });
  await visit.ready();
  expect(await visit.page.getByRole('alert').textContent()).toContain('There is no text to learn from.');
  expect(await visit.view.getByLabel('Layers').inputValue()).toBe('2');
  await visit.close();
});

test('the view that writes loads nothing of this one', async () => {
  const visit = await PlaygroundPage.open(browser, app.address);
  await visit.ready();
  const loaded = await visit.page.evaluate(() => performance.getEntriesByType('resource').map(({ name }) => name));
  expect(loaded.some((name) => name.endsWith('.js'))).toBe(true);
  expect(loaded.filter((name) => name.includes('train'))).toEqual([]);
  await visit.close();
});
