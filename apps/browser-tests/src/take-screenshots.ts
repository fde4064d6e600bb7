// Takes the pictures of the documentation, and others to look at: npx tsx … take-screenshots.ts [folder] [names of pictures]
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchBrowser } from './browser/launch-browser.ts';
import { PlaygroundPage } from './playground/playground-page.ts';
import type { Visit } from './playground/playground-page.ts';
import { servePlayground } from './playground/serve-playground.ts';
import { TrainingPage } from './playground/training-page.ts';

const [folder = 'screenshots', ...wanted] = process.argv.slice(2);
const desktop = { width: 960, height: 720 };
const phone = { width: 390, height: 780 };

await mkdir(folder, { recursive: true });
const app = await servePlayground();
const browser = await launchBrowser({ webgpu: 'software' });

async function visit(name: string, options: Visit, act: (page: PlaygroundPage) => Promise<void>): Promise<void> {
  await take(name, false, () => PlaygroundPage.open(browser, app.address, options), act);
}

/** The view that trains, as long as it is. */
async function train(name: string, options: Visit, act: (page: TrainingPage) => Promise<void>): Promise<void> {
  await take(name, true, () => TrainingPage.open(browser, app.address, options), act);
}

async function take<Opened extends PlaygroundPage>(
  name: string,
  fullPage: boolean,
  open: () => Promise<Opened>,
  act: (page: Opened) => Promise<void>,
): Promise<void> {
  if (wanted.length > 0 && !wanted.includes(name)) return;
  const page = await open();
  await act(page);
  await page.page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled', fullPage });
  await page.close();
  console.log(`${name}.png`);
}

/** Lets the model write so many tokens, with a seed so that the picture is the same each time. */
async function write(page: PlaygroundPage, tokens: number): Promise<void> {
  await page.ready();
  await page.set({ Seed: 11 });
  await page.send.click();
  await page.tokens(tokens);
}

await visit('loading', { query: '?device=webgpu', viewport: desktop }, (page) =>
  page.until(async () => (await page.text('doing')).includes('MB'), 'loading shows'),
);
await visit('desktop', { query: '?device=webgpu', viewport: desktop }, (page) => write(page, 60));
await visit('desktop-dark', { query: '?device=cpu', viewport: desktop, dark: true }, (page) => write(page, 120));
await visit('without-gpu', { viewport: desktop }, async (page) => {
  await write(page, 200);
  await page.ready();
});
await visit('phone', { query: '?device=webgpu', viewport: phone, dark: true }, (page) => write(page, 40));
await visit('phone-light', { viewport: phone }, (page) => page.ready());
/** Opens a folder of the conformance cases. */
async function openCase(page: PlaygroundPage, name: string): Promise<void> {
  await page.ready();
  await page.page
    .locator('#model-folder')
    .setInputFiles(fileURLToPath(new URL(`../../conformance/cases/${name}`, import.meta.url)));
  await page.until(async () => (await page.page.locator('#model').inputValue()) === name, 'the folder is in the list');
  await page.ready();
}

for (const [name, options] of Object.entries({
  endless: { viewport: desktop },
  'endless-phone': { viewport: phone, dark: true },
}))
  await visit(name, { ...options, query: '?device=cpu&model=story-llama' }, async (page) => {
    await page.ready();
    await page.page.getByLabel('Endless').check();
    await write(page, 700);
  });
for (const [name, options] of Object.entries({
  drafts: { viewport: desktop },
  'drafts-dark': { viewport: desktop, dark: true },
  'drafts-phone': { viewport: phone, dark: true },
  'drafts-phone-light': { viewport: phone },
}))
  await visit(
    name,
    { ...options, query: '?device=cpu&model=story-llama&speculation=story-gated-delta-net' },
    async (page) => {
      await page.ready();
      await page.page.getByLabel('Endless').check();
      await write(page, 400);
    },
  );
for (const [name, options] of Object.entries({
  heads: { viewport: desktop, dark: true },
  'heads-phone': { viewport: phone },
}))
  await visit(name, { ...options, query: '?device=cpu' }, async (page) => {
    await openCase(page, 'memory_mosaics_library-plain');
    await page.set({ Beginning: '5 6 7 8 5 6 7 8 5 6', 'Tokens at most': 24 });
    await write(page, 24);
    await page.ready();
    await page.view.getByRole('button', { name: 'Retrieval' }).click();
    await page.until(async () => (await page.text('retrieval-caption')) !== '', 'it is shown');
  });
await visit('problem', { query: '?device=cpu', viewport: phone }, async (page) => {
  await page.ready();
  await page.set({ 'Tokens at most': 4000 });
  await page.send.click();
  await page.until(() => page.page.getByRole('alert').isVisible(), 'the sentence shows');
});
await train('training-setup', { viewport: desktop }, (page) => page.ready());
await train('training', { query: '?device=webgpu', viewport: desktop }, async (page) => {
  await page.ready();
  await page.choose({ Width: '32', Tokens: 'Bytes' });
  await page.set({ Layers: 2, Context: 64, Batch: 4, Steps: 60, 'Learning rate': 0.01 });
  await page.button('Start training').click();
  await page.reach(48);
});
await train('training-phone', { query: '?device=cpu', viewport: phone, dark: true }, async (page) => {
  await page.ready();
  await page.choose({ Width: '64', Tokens: '512' });
  await page.set({ Layers: 2, Context: 96, Batch: 8, Steps: 120, 'Learning rate': 0.01 });
  await page.button('Start training').click();
  await page.reach(120);
  await page.says('All steps are done');
});

await browser.close();
await app.close();
