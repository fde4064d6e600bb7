import type { Browser, Download, Locator } from 'playwright-core';
import { PlaygroundPage, newPage } from './playground-page.ts';
import type { Visit } from './playground-page.ts';

/** The playground where it trains, as a person has it before them. */
export class TrainingPage extends PlaygroundPage {
  /** Opens the view; its device may not be there yet. */
  static override async open(browser: Browser, address: string, visit: Visit = {}): Promise<TrainingPage> {
    const { query = '' } = visit;
    return new TrainingPage(await newPage(browser, visit)).go(address, { ...visit, query: `${query}#train` });
  }

  override get view(): Locator {
    return this.page.locator('#train-view');
  }

  /** A button of the view. */
  button(name: string): Locator {
    return this.view.getByRole('button', { name });
  }

  /** Chooses from lists by their labels. */
  async choose(values: Readonly<Record<string, string>>): Promise<void> {
    for (const [label, value] of Object.entries(values)) await this.view.getByLabel(label).selectOption(value);
  }

  /** Waits until a training can be started. */
  override async ready(): Promise<void> {
    const start = this.button('Start training');
    await this.until(async () => (await start.isVisible()) && (await start.isEnabled()), 'a training can be started');
  }

  /** Steps that are done, as the page shows them. */
  async steps(): Promise<number> {
    const shown = /Step([\d,]+) of/.exec(await this.text('train-figures'))?.[1];
    return shown === undefined ? 0 : Number(shown.replaceAll(',', ''));
  }

  /** Waits until so many steps are done. */
  async reach(step: number): Promise<void> {
    for (let next = 1; next <= step; next = (await this.steps()) + 1)
      await this.until(async () => (await this.steps()) >= next, `step ${next} is done`);
  }

  /** Waits until a line at the end of the page says so. */
  async says(doing: string): Promise<void> {
    await this.until(async () => (await this.text('train-doing')) === doing, `it says “${doing}”`);
  }

  /** How many texts the model wrote. */
  count(): Promise<number> {
    return this.page.locator('#train-samples li').count();
  }

  /** Waits until so many texts are there, the last one perhaps not whole. */
  async samples(count: number): Promise<void> {
    await this.until(async () => (await this.count()) >= count, `${count} texts are there`);
  }

  /** The newest text, with the line above it. */
  async sample(): Promise<string> {
    return (await this.page.locator('#train-samples li').first().textContent()) ?? '';
  }

  /** Downloads the model. */
  async download(): Promise<Download> {
    const download = this.page.waitForEvent('download');
    await this.button('Download').click();
    return download;
  }
}
