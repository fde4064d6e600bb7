import type { Page, Worker } from 'playwright-core';

/** In place of the worker of a page one that says what a test tells it to. */
export class StagedWorker<Report> {
  #worker: Promise<Worker> | undefined;

  /** To be called before the page is opened. */
  async prepare(page: Page, script: string): Promise<void> {
    this.#worker = page.waitForEvent('worker');
    await page.route(`**/${script}-*.js`, (route) => route.fulfill({ contentType: 'text/javascript', body: '' }));
  }

  async say(report: Report): Promise<void> {
    const worker = await this.#worker!;
    await worker.evaluate((message) => postMessage(message), report);
  }
}
