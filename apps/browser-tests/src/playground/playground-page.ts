import { setTimeout } from 'node:timers/promises';
import type { Browser, Locator, Page } from 'playwright-core';

/** How long something may take that must come; a guard against hanging on a machine that is busy. */
const patience = 240_000;

/** What a visit begins with. */
export interface Visit {
  /** The query of the address, for example `?device=cpu`. */
  readonly query?: string;
  readonly viewport?: { readonly width: number; readonly height: number };
  readonly dark?: boolean;
  readonly reducedMotion?: boolean;
  /** Called before the page is opened. */
  readonly prepare?: (page: Page) => Promise<void>;
}

/** The playground in a browser, as a person has it before them. */
export class PlaygroundPage {
  readonly page: Page;
  /** Complaints of the page and its worker: errors in the console, and errors that nobody caught. */
  readonly complaints: string[] = [];

  protected constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (message.type() === 'error') this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
  }

  /** Opens the page; it goes on loading. */
  static async open(browser: Browser, address: string, visit: Visit = {}): Promise<PlaygroundPage> {
    return new PlaygroundPage(await newPage(browser, visit)).go(address, visit);
  }

  /** The view in which a model writes. */
  get view(): Locator {
    return this.page.locator('#write-view');
  }

  get send(): Locator {
    return this.view.getByRole('button', { name: 'Continue' });
  }

  get stop(): Locator {
    return this.view.getByRole('button', { name: 'Stop' });
  }

  get prompt(): Locator {
    return this.view.getByLabel('Beginning');
  }

  /** Text of an element by its id, as it stands now. */
  async text(id: string): Promise<string> {
    return (await this.page.locator(`#${id}`).textContent()) ?? '';
  }

  /** Waits until the model can be asked. */
  async ready(): Promise<void> {
    await this.until(() => this.send.isEnabled(), 'the model is ready');
  }

  /** Sets fields of the form by their labels. */
  async set(values: Readonly<Record<string, string | number>>): Promise<void> {
    for (const [label, value] of Object.entries(values)) await this.view.getByLabel(label).fill(String(value));
  }

  /** Waits until so many tokens are there. */
  async tokens(count: number): Promise<void> {
    await this.until(async () => (await this.written()) >= count, `${count} tokens are written`);
  }

  /** Tokens of the text, as the page shows them. */
  async written(): Promise<number> {
    const shown = /([\d,]+) tokens?\b(?!\/)/.exec(await this.text('figures'))?.[1] ?? '0';
    return Number(shown.replaceAll(',', ''));
  }

  /** Asks again and again; rejects when it takes too long, with what the page showed. */
  async until(condition: () => Promise<boolean>, what: string): Promise<void> {
    const end = performance.now() + patience;
    while (!(await condition())) {
      if (performance.now() > end)
        throw new Error(`Waited in vain until ${what}. The page shows: ${await this.page.locator('body').innerText()}`);
      await setTimeout(20);
    }
  }

  close(): Promise<void> {
    return this.page.close();
  }

  protected async go(address: string, { query = '', prepare }: Visit): Promise<this> {
    await prepare?.(this.page);
    await this.page.goto(address + query);
    return this;
  }
}

/** A page that is as large and as dark as the visit wants it. */
export async function newPage(
  browser: Browser,
  { viewport = { width: 1000, height: 760 }, dark = false, reducedMotion = false }: Visit,
): Promise<Page> {
  const page = await browser.newPage({
    viewport,
    colorScheme: dark ? 'dark' : 'light',
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
  });
  page.setDefaultTimeout(patience);
  return page;
}
