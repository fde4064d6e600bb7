import { showDevice } from '../../page/device-line.ts';
import { element, keepFocus, write } from '../../page/elements.ts';
import { curveData } from './curve-data.ts';
import { LossCurve } from './loss-curve.ts';
import { SampleList } from './sample-list.ts';
import { curveInWords, figures, showCount, summary } from './train-figures.ts';
import type { TrainState } from './train-state.ts';

/** The elements of the view, found once, and what they show of the state. */
export class TrainView {
  readonly start: HTMLButtonElement = element('train-start', HTMLButtonElement);
  readonly pause: HTMLButtonElement = element('train-pause', HTMLButtonElement);
  readonly stop: HTMLButtonElement = element('train-stop', HTMLButtonElement);
  readonly download: HTMLButtonElement = element('train-download', HTMLButtonElement);
  readonly anew: HTMLButtonElement = element('train-new', HTMLButtonElement);
  readonly again: HTMLButtonElement = element('train-again', HTMLButtonElement);
  readonly write: HTMLFormElement = element('train-write', HTMLFormElement);
  readonly prompt: HTMLTextAreaElement = element('train-prompt', HTMLTextAreaElement);
  readonly temperature: HTMLInputElement = element('train-temperature', HTMLInputElement);
  readonly send: HTMLButtonElement = element('train-send', HTMLButtonElement);
  readonly hush: HTMLButtonElement = element('train-hush', HTMLButtonElement);
  readonly load: HTMLInputElement = element('train-load', HTMLInputElement);
  readonly #setup = element('train-setup', HTMLElement);
  readonly #hint = element('train-hint', HTMLElement);
  readonly #run = element('train-run', HTMLElement);
  readonly #size = element('train-size', HTMLElement);
  readonly #summary = element('train-summary', HTMLElement);
  readonly #figures = element('train-figures', HTMLElement);
  readonly #card = element('train-card', HTMLElement);
  readonly #progress = element('train-progress', HTMLProgressElement);
  readonly #curvePlace = element('train-curve', HTMLElement);
  readonly #note = element('train-note', HTMLElement);
  readonly #problem = element('train-problem', HTMLElement);
  readonly #sentence = element('train-problem-sentence', HTMLElement);
  readonly #doing = element('train-doing', HTMLElement);
  readonly #samples = new SampleList(element('train-samples', HTMLElement));
  readonly #curve: LossCurve;
  #drawn: Pick<TrainState, 'losses' | 'evaluations'> | undefined;

  constructor(signal: AbortSignal) {
    this.#curve = new LossCurve(this.#curvePlace, element('train-legend', HTMLElement), signal);
  }

  /** @param tokensPerStep - that the form asks for; undefined while a number of it is out of its range */
  show(state: TrainState, tokensPerStep: number | undefined): void {
    const { phase, model, problem, notice } = state;
    const set = phase === 'opening' || phase === 'setup';
    const shows = !set && (phase !== 'gone' || model !== undefined);
    showDevice(state.device);
    this.#setup.hidden = this.#hint.hidden = shows || phase === 'gone';
    this.#run.hidden = !shows;
    write(this.#size, formLine(state, tokensPerStep));
    write(this.#summary, summary(state));
    this.#card.hidden = state.recipe === undefined;
    this.#showFigures(figures(state));
    this.#showProgress(state);
    this.#showCurve(state);
    this.#note.hidden = notice === undefined;
    write(this.#note, notice ?? '');
    this.#problem.hidden = problem === undefined;
    write(this.#sentence, problem ?? '');
    this.again.hidden = phase !== 'gone';
    this.#samples.show(state.samples, state.writing);
    write(this.#doing, doing(state));
    this.#enable(state);
  }

  #showFigures(shown: readonly (readonly [string, string])[]): void {
    this.#figures.hidden = shown.length === 0;
    if (this.#figures.childElementCount !== shown.length)
      this.#figures.replaceChildren(
        ...shown.map(() => {
          const pair = document.createElement('div');
          pair.append(document.createElement('dt'), document.createElement('dd'));
          return pair;
        }),
      );
    shown.forEach(([label, value], index) => {
      const [term, detail] = this.#figures.children[index]!.children;
      write(term!, label);
      write(detail!, value);
    });
  }

  #showProgress({ phase, ratio, recipe, step }: TrainState): void {
    const done = phase === 'preparing' ? ratio : recipe && step > 0 ? step / recipe.steps : undefined;
    if (done === undefined) this.#progress.removeAttribute('value');
    else this.#progress.value = done;
    this.#progress.dataset.moving = String(phase === 'preparing' || phase === 'training');
  }

  /** A curve that did not change is not drawn again. */
  #showCurve(state: TrainState): void {
    const { losses, evaluations } = state;
    if (this.#drawn?.losses === losses && this.#drawn.evaluations === evaluations) return;
    this.#drawn = { losses, evaluations };
    this.#curve.show(curveData(losses, evaluations));
    this.#curvePlace.ariaLabel = curveInWords(state);
  }

  /** Where the next key belongs. While it prepares that is no button: a key that is held down would cancel at once. */
  #next(phase: TrainState['phase']): HTMLElement {
    if (phase === 'preparing') return this.#run;
    if (phase === 'gone') return this.again;
    return [this.pause, this.download, this.start].find((button) => !button.hidden && !button.disabled) ?? this.prompt;
  }

  #enable(state: TrainState): void {
    const { phase, halting, packing, writing, wanted } = state;
    const under = phase === 'preparing' || phase === 'training' || phase === 'paused';
    const still = phase === 'paused' || phase === 'done';
    keepFocus(
      () => {
        this.start.disabled = phase !== 'setup';
        this.load.disabled = phase !== 'setup';
        write(this.pause, phase === 'paused' ? 'Continue' : 'Pause');
        this.pause.hidden = !under || phase === 'preparing';
        this.pause.ariaDisabled = String(halting);
        write(this.stop, phase === 'preparing' ? 'Cancel' : 'Stop');
        this.stop.hidden = !under;
        this.stop.ariaDisabled = String(halting);
        this.download.hidden = !still;
        this.download.disabled = packing;
        write(this.download, state.model ? `Download ${showBytes(4 * state.model.parameters)}` : 'Download');
        this.download.classList.toggle('first', phase === 'done');
        this.anew.hidden = phase !== 'done';
        this.write.hidden = phase === 'preparing' || phase === 'gone';
        this.send.disabled = wanted || (writing && phase !== 'training') || halting;
        this.hush.disabled = !writing;
      },
      () => this.#next(phase),
    );
  }
}

/** At the end of the form: what it asks for, or what goes on instead. */
function formLine({ phase, doing: what, measured }: TrainState, tokensPerStep: number | undefined): string {
  if (phase !== 'setup' || what !== 'Ready') return what;
  if (measured === undefined || tokensPerStep === undefined) return '';
  return `${showCount(measured)} parameters, ${showCount(tokensPerStep)} tokens a step`;
}

function doing({ doing: what, wanted, writing, packing, phase }: TrainState): string {
  if (packing) return 'Packing the model';
  if (writing) return 'Writing';
  return wanted && phase === 'training' ? `${what}, and a text after this step` : what;
}

function showBytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
