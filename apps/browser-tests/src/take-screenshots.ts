// Takes the pictures of the documentation, and others to look at: npx tsx … take-screenshots.ts [folder]
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { launchBrowser } from './browser/launch-browser.ts';
import { PlaygroundPage } from './playground/playground-page.ts';
import type { Visit } from './playground/playground-page.ts';
import { servePlayground } from './playground/serve-playground.ts';

const folder = process.argv[2] ?? 'screenshots';
const desktop = { width: 960, height: 720 };
const phone = { width: 390, height: 780 };

await mkdir(folder, { recursive: true });
const app = await servePlayground();
const browser = await launchBrowser({ webgpu: 'software' });

async function visit(name: string, options: Visit, act: (page: PlaygroundPage) => Promise<void>): Promise<void> {
  const page = await PlaygroundPage.open(browser, app.address, options);
  await act(page);
  await page.page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled' });
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

await browser.close();
await app.close();
