// Takes the pictures of the documentation, and others to look at: npx tsx … take-screenshots.ts [folder] [names of pictures]
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
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
