import { write } from '../../page/elements.ts';
import type { Sample } from './train-state.ts';

/** One text as it is shown. */
interface Shown {
  readonly sample: Sample;
  readonly item: HTMLLIElement;
  readonly when: HTMLElement;
  readonly words: Text;
}

/** Texts that the model wrote, the newest first. They are text, never markup, and only what is new is added. */
export class SampleList {
  readonly #list: HTMLElement;
  #shown: readonly Shown[] = [];

  constructor(list: HTMLElement) {
    this.#list = list;
    list.replaceChildren();
  }

  show(samples: readonly Sample[], writing: boolean): void {
    // A screen reader waits until the text stands, instead of reading every token.
    this.#list.ariaBusy = String(writing);
    const before = new Map(this.#shown.map((shown) => [shown.sample.number, shown]));
    this.#shown = samples.map((sample) => {
      const shown = before.get(sample.number) ?? this.#add(sample);
      before.delete(sample.number);
      write(shown.when, when(sample));
      if (sample.text.length > shown.words.length) shown.words.appendData(sample.text.slice(shown.words.length));
      return { ...shown, sample };
    });
    for (const { item } of before.values()) item.remove();
    for (const { item, sample } of this.#shown) item.classList.toggle('busy', writing && sample === samples.at(-1));
  }

  #add(sample: Sample): Shown {
    const item = document.createElement('li');
    const words = new Text();
    const head = span('when');
    item.append(head, span('words', span('prompt', sample.prompt), words));
    this.#list.prepend(item);
    return { sample, item, when: head, words };
  }
}

/** With which weights a text was written, and how fast. */
function when({ step, speed }: Sample): string {
  const after = step === undefined ? 'At the end' : `After step ${step.toLocaleString('en-US')}`;
  if (!speed) return after;
  const { tokens, tokensPerSecond } = speed;
  const rate =
    tokensPerSecond === undefined ? '' : ` · ${tokensPerSecond.toFixed(tokensPerSecond < 100 ? 1 : 0)} tokens/s`;
  return `${after} · ${tokens} ${tokens === 1 ? 'token' : 'tokens'}${rate}`;
}

function span(name: string, ...content: (string | Node)[]): HTMLSpanElement {
  const made = document.createElement('span');
  made.className = name;
  made.append(...content);
  return made;
}
