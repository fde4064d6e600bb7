import { element } from './elements.ts';
import { saveFile } from './save-file.ts';
import type { WholeText } from './whole-text.ts';

/** Milliseconds that a button says what it did. */
const saidFor = 2000;

/** Takes a text with one, as a whole: also what the page shows no longer. */
export class TextTools {
  readonly #copy = element('copy', HTMLButtonElement);
  readonly #download = element('download', HTMLButtonElement);

  constructor(text: WholeText, signal: AbortSignal) {
    // Browsers give no clipboard to pages from insecure addresses.
    this.#copy.hidden = !isSecureContext;
    this.#copy.addEventListener(
      'click',
      () => {
        const copied = navigator.clipboard.write([new ClipboardItem({ 'text/plain': text.blob() })]);
        void copied.then(
          () => this.#say('Copied'),
          () => this.#say('Not copied'),
        );
      },
      { signal },
    );
    this.#download.addEventListener('click', () => saveFile('tessera-text.txt', text.blob()), { signal });
  }

  /** @param text - whether there is one */
  show(text: boolean): void {
    this.#copy.disabled = !text;
    this.#download.disabled = !text;
  }

  #say(what: string): void {
    this.#copy.textContent = what;
    setTimeout(() => (this.#copy.textContent = 'Copy'), saidFor);
  }
}
