import { readFile } from 'node:fs/promises';
import { layoutOf, memorySource, openSafetensors } from '@tessera/checkpoints';
import { unzipSync } from 'fflate';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../browser/launch-browser.ts';
import type { ServedApp } from '../browser/serve-app.ts';
import { exposeDevice, loseDevice } from './lose-device.ts';
import { servePlayground } from './serve-playground.ts';
import { TrainingPage } from './training-page.ts';

// One training through its whole life, on WebGPU: each test goes on where the one before it ended.

const steps = 18;

/** For tests in which some eighty shaders are compiled, on a machine that is busy. */
const long = 300_000;

let browser: Browser;
let app: ServedApp;
let visit: TrainingPage;
let zip: string;

beforeAll(async () => {
  [app, browser] = await Promise.all([servePlayground(), launchBrowser({ webgpu: 'software' })]);
  visit = await TrainingPage.open(browser, app.address, { query: '?device=webgpu' });
  await visit.ready();
});

afterAll(async () => {
  await browser?.close();
  await app?.close();
});

test('trains on WebGPU, step by step', { timeout: long }, async () => {
  expect(await visit.text('device')).toMatch(/^WebGPU · \S/);
  await exposeDevice(visit);
  await visit.choose({ Width: '16', Tokens: 'Bytes' });
  await visit.set({ Layers: 2, Context: 16, Batch: 4, Steps: steps, 'Learning rate': 0.02 });
  await visit.until(async () => (await visit.text('train-size')).startsWith('10.'), 'the size is told');
  await visit.button('Start training').click();
  await visit.reach(4);
  expect(await visit.text('train-summary')).toMatch(/^Softmax attention, 2 layers of width 16 · 10\.\d k parameters/);
});

test(
  'a pause keeps everything where it is, and at the end the curve shows that the loss fell',
  { timeout: long },
  async () => {
    await visit.button('Pause').click();
    await visit.says('Paused');
    const paused = await visit.steps();
    expect(paused).toBeLessThan(steps);
    await visit.prompt.fill('Once');
    await visit.prompt.press('Enter');
    await visit.samples(1);
    await visit.says('Paused');
    expect(await visit.sample()).toMatch(new RegExp(`^After step ${paused} · \\d+ tokens? .*Once`));
    expect(await visit.steps()).toBe(paused);
    await visit.button('Continue').click();
    await visit.reach(steps);
    await visit.says('All steps are done');
    expect(await visit.steps()).toBe(steps);
    const [, first, last, validation] = /from ([\d.]+) .* to ([\d.]+) at step 18; of validation ([\d.]+)/
      .exec((await visit.page.getByRole('img').getAttribute('aria-label'))!)!
      .map(Number);
    expect(first).toBeGreaterThan(5);
    expect(last).toBeLessThan(first! - 1);
    expect(validation).toBeLessThan(first! - 1);
  },
);

test('what was trained is downloaded as a checkpoint that others read', async () => {
  const download = await visit.download();
  expect(download.suggestedFilename()).toBe('tessera-model.zip');
  zip = await download.path();
  const files = unzipSync(new Uint8Array(await readFile(zip)));
  const config = JSON.parse(new TextDecoder().decode(files['config.json'])) as Record<string, unknown>;
  expect(layoutOf(config).modelTypes).toContain('llama');
  const reader = await openSafetensors(memorySource(files));
  expect(reader.metadata.get('format')).toBe('pt');
  expect(reader.tensors.get('model.layers.1.self_attn.q_proj.weight')).toMatchObject({ dtype: 'F32', shape: [16, 16] });
  expect(Object.keys(files)).toContain('tokenizer.json');
});

test('it can be loaded again, and writes as before', async () => {
  const write = async (count: number): Promise<string> => {
    await visit.view.getByLabel('Beginning').fill('The');
    await visit.set({ Temperature: 0 });
    await visit.button('Write').click();
    await visit.samples(count);
    await visit.until(async () => (await visit.text('train-doing')) !== 'Writing', 'it is written');
    return (await visit.sample()).replace(/^.* tokens\/s/, '');
  };
  const before = await write((await visit.count()) + 1);
  await visit.button('New training').click();
  await visit.ready();
  await visit.view.getByLabel('Load a model').setInputFiles({
    name: 'model.zip',
    mimeType: 'application/zip',
    buffer: await readFile(zip),
  });
  await visit.says('Loaded');
  expect(await visit.text('train-summary')).toMatch(/^model\.zip · 10\.\d k parameters$/);
  expect(await write(1)).toBe(before);
});

test('a lost device is a sentence, and another one can be opened', async () => {
  await loseDevice(visit);
  await visit.until(() => visit.page.getByRole('alert').isVisible(), 'the loss is told');
  expect(await visit.text('train-problem-sentence')).toContain('The GPU device was lost');
  await visit.button('Open the device again').click();
  await visit.ready();
  expect(await visit.page.getByRole('alert').isHidden()).toBe(true);
});

test('leaving for the other view ends the worker, and coming back opens another one', async () => {
  await visit.page.getByRole('link', { name: 'Write' }).click();
  const scripts = (): string[] => visit.page.workers().map((worker) => worker.url());
  const alone = async (name: string): Promise<boolean> => scripts().length === 1 && scripts()[0]!.includes(`/${name}-`);
  await visit.until(() => alone('worker'), 'the other view has its worker, and this one has none');
  await visit.page.goBack();
  await visit.ready();
  await visit.until(() => alone('training-worker'), 'it is the other way round');
  expect(await visit.steps()).toBe(0);
});

test('nothing of all that offended the content security policy, and nothing complained', () => {
  expect(app.violations).toEqual([]);
  expect(visit.complaints).toEqual([]);
});
