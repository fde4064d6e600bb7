import type { Writable } from 'node:stream';
import { isInteractive } from './terminal.ts';

const redrawEveryMs = 100;
const remindEveryMs = 30_000;

/** A line on standard error that is drawn again and again for a person, and that other programs see rarely. */
export class StatusLine {
  readonly #stream: Writable;
  readonly #interactive: boolean;
  #last: number;
  #shown = false;

  constructor(stream: Writable) {
    this.#stream = stream;
    this.#interactive = isInteractive(stream);
    // The first reminder comes only when the work turns out to be long.
    this.#last = this.#interactive ? -Infinity : performance.now();
  }

  /** Shows a text, unless another one was shown a moment ago. */
  update(text: () => string): void {
    const now = performance.now();
    if (now - this.#last < (this.#interactive ? redrawEveryMs : remindEveryMs)) return;
    this.#last = now;
    this.#stream.write(this.#interactive ? `\r\u001B[2K${text()}` : `${text()}\n`);
    this.#shown = this.#interactive;
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown) this.#stream.write('\r\u001B[2K');
    this.#shown = false;
  }
}
