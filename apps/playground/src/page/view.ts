import type { Settings } from '../protocol.ts';
import { counted } from './counted.ts';
import { showDevice } from './device-line.ts';
import { DraftsView } from './drafts-view.ts';
import { element, keepFocus, write } from './elements.ts';
import type { PageState } from './state.ts';
import { StreamView } from './stream-view.ts';

/** Seeds that are drawn are short enough to be noted down. */
const seeds = 1_000_000;

/** The elements of the view, found once. Everything is written as text: what a model says is never markup. */
export class View {
  readonly form: HTMLFormElement = element('form', HTMLFormElement);
  readonly prompt: HTMLTextAreaElement = element('prompt', HTMLTextAreaElement);
  readonly send: HTMLButtonElement = element('send', HTMLButtonElement);
  readonly stop: HTMLButtonElement = element('stop', HTMLButtonElement);
  readonly reload: HTMLButtonElement = element('reload', HTMLButtonElement);
  readonly heads: HTMLButtonElement = element('heads', HTMLButtonElement);
  readonly back: HTMLButtonElement = element('retrieval-back', HTMLButtonElement);
  readonly #progress = element('progress', HTMLProgressElement);
  readonly #sheet = element('sheet', HTMLElement);
  readonly #hint = element('hint', HTMLElement);
  readonly #text = element('text', HTMLElement);
  readonly #promptShown = element('prompt-shown', HTMLElement);
  readonly #letGo = element('let-go', HTMLElement);
  readonly #continuation = new StreamView(element('continuation', HTMLElement));
  readonly #drafts = new DraftsView();
  readonly #foot = element('sheet-foot', HTMLElement);
  readonly #retrievalPanel = element('retrieval', HTMLElement);
  readonly #problem = element('problem', HTMLElement);
  readonly #problemSentence = element('problem-sentence', HTMLElement);
  readonly #doing = element('doing', HTMLElement);
  readonly #figures = element('figures', HTMLElement);

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

  /** @param speculates - whether what is written next will be made of drafts */
  show(state: PageState, speculates: boolean): void {
    const { phase, device, continuation, retrieval } = state;
    const busy = phase === 'generating' || phase === 'stopping';
    showDevice(device);

    this.#progress.dataset.shown = String(phase === 'loading');
    if (state.ratio === undefined) this.#progress.removeAttribute('value');
    else this.#progress.value = state.ratio;

    this.#hint.hidden = state.prompt !== '';
    this.#text.hidden = state.prompt === '';
    write(this.#promptShown, continuation.letGo > 0 ? '' : state.prompt);
    this.#letGo.hidden = continuation.letGo === 0;
    write(this.#letGo, `… ${counted(continuation.letGo, 'character')} before this: Copy and Download have them`);
    // A screen reader waits until the text stands, instead of reading every token.
    this.#text.ariaBusy = String(busy);

    this.#problem.hidden = state.problem === undefined;
    write(this.#problemSentence, state.problem ?? '');
    this.reload.hidden = phase !== 'gone';

    write(this.#doing, state.doing);
    write(this.#figures, figures(state));
    this.#showContinuation(state);
    this.#drafts.show(state, speculates);
    this.#sheet.hidden = this.#foot.hidden = retrieval !== undefined;
    this.#retrievalPanel.hidden = retrieval === undefined;
    this.#enable(state);
  }

  #showContinuation({ continuation }: PageState): void {
    const sheet = this.#sheet;
    const following = sheet.scrollHeight - sheet.scrollTop - sheet.clientHeight < 40;
    if (this.#continuation.show(continuation) && following) sheet.scrollTop = sheet.scrollHeight;
  }

  #enable({ phase, model, prompt, retrieval }: PageState): void {
    keepFocus(
      () => {
        this.send.disabled = phase !== 'idle';
        this.stop.disabled = phase !== 'generating';
        this.heads.hidden = !model?.memories;
        this.heads.disabled = phase !== 'idle' || prompt === '' || retrieval !== undefined;
      },
      () => (phase === 'generating' ? this.stop : this.prompt),
    );
  }
}

function figures({ speed, seed, stateBytes }: PageState): string {
  if (!speed) return '';
  const { prefillMs, tokens, tokensPerSecond } = speed;
  return [
    `prefill ${prefillMs < 1000 ? `${prefillMs.toFixed(0)} ms` : `${(prefillMs / 1000).toFixed(1)} s`}`,
    tokensPerSecond === undefined ? '' : `${tokensPerSecond.toFixed(1)} tokens/s`,
    counted(tokens, 'token'),
    stateBytes === undefined
      ? ''
      : `state ${stateBytes < 1e6 ? `${(stateBytes / 1e3).toFixed(1)} kB` : `${(stateBytes / 1e6).toFixed(1)} MB`}`,
    seed === undefined ? '' : `seed ${seed}`,
  ]
    .filter((part) => part !== '')
    .join(' · ');
}
