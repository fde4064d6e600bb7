import type { Settings } from '../protocol.ts';
import { showDevice } from './device-line.ts';
import { element, keepFocus, write } from './elements.ts';
import type { PageState } from './state.ts';

/** Seeds that are drawn are short enough to be noted down. */
const seeds = 1_000_000;

/** The elements of the view, found once. Everything is written as text: what a model says is never markup. */
export class View {
  readonly form: HTMLFormElement = element('form', HTMLFormElement);
  readonly prompt: HTMLTextAreaElement = element('prompt', HTMLTextAreaElement);
  readonly send: HTMLButtonElement = element('send', HTMLButtonElement);
  readonly stop: HTMLButtonElement = element('stop', HTMLButtonElement);
  readonly reload: HTMLButtonElement = element('reload', HTMLButtonElement);
  readonly #progress = element('progress', HTMLProgressElement);
  readonly #sheet = element('sheet', HTMLElement);
  readonly #hint = element('hint', HTMLElement);
  readonly #text = element('text', HTMLElement);
  readonly #promptShown = element('prompt-shown', HTMLElement);
  readonly #continuation = new Text();
  readonly #problem = element('problem', HTMLElement);
  readonly #problemSentence = element('problem-sentence', HTMLElement);
  readonly #doing = element('doing', HTMLElement);
  readonly #figures = element('figures', HTMLElement);

  constructor() {
    element('continuation', HTMLElement).replaceChildren(this.#continuation);
  }

  /** The settings in the form, with a drawn seed where it is left open. The form has checked their ranges. */
  settings(): Settings {
    const [temperature, topP, maxNewTokens, seed] = ['temperature', 'top-p', 'max-tokens', 'seed'].map(
      (id) => element(id, HTMLInputElement).valueAsNumber,
    );
    return {
      temperature: temperature!,
      topP: topP!,
      maxNewTokens: maxNewTokens!,
      seed: Number.isNaN(seed) ? Math.floor(Math.random() * seeds) : seed!,
    };
  }

  show(state: PageState): void {
    const { phase, device } = state;
    const busy = phase === 'generating' || phase === 'stopping';
    showDevice(device);

    this.#progress.dataset.shown = String(phase === 'loading');
    if (state.ratio === undefined) this.#progress.removeAttribute('value');
    else this.#progress.value = state.ratio;

    this.#hint.hidden = state.prompt !== '';
    this.#text.hidden = state.prompt === '';
    write(this.#promptShown, state.prompt);
    // A screen reader waits until the text stands, instead of reading every token.
    this.#text.ariaBusy = String(busy);

    this.#problem.hidden = state.problem === undefined;
    write(this.#problemSentence, state.problem ?? '');
    this.reload.hidden = phase !== 'gone';

    write(this.#doing, state.doing);
    write(this.#figures, figures(state));
    this.#showContinuation(state.continuation);
    this.#enable(phase === 'idle', phase === 'generating');
  }

  #showContinuation(text: string): void {
    const node = this.#continuation;
    const sheet = this.#sheet;
    if (text === node.data) return;
    const following = sheet.scrollHeight - sheet.scrollTop - sheet.clientHeight < 40;
    // Only what is new is added, so that a person can select what stands already.
    if (text.startsWith(node.data)) node.appendData(text.slice(node.length));
    else node.data = text;
    if (following) sheet.scrollTop = sheet.scrollHeight;
  }

  #enable(send: boolean, stop: boolean): void {
    keepFocus(
      () => {
        this.send.disabled = !send;
        this.stop.disabled = !stop;
      },
      () => (stop ? this.stop : this.prompt),
    );
  }
}

function figures({ speed, seed }: PageState): string {
  if (!speed) return '';
  const { prefillMs, tokens, tokensPerSecond } = speed;
  return [
    `prefill ${prefillMs < 1000 ? `${prefillMs.toFixed(0)} ms` : `${(prefillMs / 1000).toFixed(1)} s`}`,
    tokensPerSecond === undefined ? '' : `${tokensPerSecond.toFixed(1)} tokens/s`,
    `${tokens} ${tokens === 1 ? 'token' : 'tokens'}`,
    seed === undefined ? '' : `seed ${seed}`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}
