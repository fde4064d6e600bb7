import { element } from '../../page/elements.ts';
import type { Mixing, Recipe, Texts } from '../protocol.ts';

/** Learning rates to begin with. */
const rates: Readonly<Record<Recipe['optimizer'], number>> = { adamw: 0.002, muon: 0.02, sgd: 0.1 };

/** What a processor gets through while somebody watches. */
const forProcessor = { width: '32', layers: '2', vocabulary: '257', context: '64', batch: '4', steps: '300' } as const;

/** The form in which a training is chosen. */
export class TrainForm {
  readonly form: HTMLFormElement = element('train-setup', HTMLFormElement);
  readonly #own = element('train-own', HTMLElement);
  readonly #text = element('train-text', HTMLTextAreaElement);
  readonly #names = element('train-files-names', HTMLElement);
  readonly #noFiles = element('train-no-files', HTMLButtonElement);
  readonly #rate = field('rate');
  #files: readonly File[] = [];
  #touched = false;

  /** @param changed - called whenever something else is chosen */
  constructor(changed: () => void, signal: AbortSignal) {
    const listen = (target: EventTarget, type: string, act: () => void): void =>
      target.addEventListener(type, act, { signal });
    listen(this.form, 'input', () => {
      this.#touched = true;
      this.#show();
      changed();
    });
    listen(select('optimizer'), 'input', () => {
      this.#rate.valueAsNumber = rates[select('optimizer').value as Recipe['optimizer']];
    });
    const picker = element('train-files', HTMLInputElement);
    listen(picker, 'change', () => this.takeFiles([...(picker.files ?? [])]));
    listen(this.#noFiles, 'click', () => {
      this.takeFiles([]);
      this.#text.focus();
    });
    this.takeFiles([]);
  }

  /** Begins with less on a processor, unless the person has chosen already. */
  suggestForProcessor(): void {
    if (this.#touched) return;
    for (const [name, value] of Object.entries(forProcessor)) control(name).value = value;
  }

  /** Takes files to learn from in place of a pasted text. */
  takeFiles(files: readonly File[]): void {
    this.#files = files;
    element('train-files', HTMLInputElement).value = '';
    if (files.length > 0) this.form.querySelector<HTMLInputElement>('[name=texts][value=own]')!.checked = true;
    this.#names.textContent = files.map(({ name, size }) => `${name} (${showBytes(size)})`).join(', ');
    this.#show();
  }

  /** What is chosen. The form has checked the ranges. */
  recipe(): Recipe {
    const number = (name: string): number => Number(control(name).value);
    return {
      mixing: chosen('mixing') as Mixing,
      width: number('width'),
      layers: number('layers'),
      vocabulary: number('vocabulary'),
      context: number('context'),
      batch: number('batch'),
      steps: number('steps'),
      optimizer: select('optimizer').value as Recipe['optimizer'],
      learningRate: number('rate'),
      seed: number('seed'),
    };
  }

  texts(): Texts {
    if (chosen('texts') === 'stories') return { type: 'stories' };
    return this.#files.length > 0 ? { type: 'files', files: this.#files } : { type: 'written', text: this.#text.value };
  }

  /** Whether all numbers are in their ranges. */
  get valid(): boolean {
    return this.form.checkValidity();
  }

  #show(): void {
    const picked = this.#files.length > 0;
    this.#own.hidden = chosen('texts') === 'stories';
    this.#text.disabled = picked;
    this.#noFiles.hidden = !picked;
  }
}

function control(name: string): HTMLInputElement | HTMLSelectElement {
  const found = document.getElementById(`train-${name}`);
  return found instanceof HTMLSelectElement ? found : field(name);
}

function field(name: string): HTMLInputElement {
  return element(`train-${name}`, HTMLInputElement);
}

function select(name: string): HTMLSelectElement {
  return element(`train-${name}`, HTMLSelectElement);
}

function chosen(name: string): string {
  return document.querySelector<HTMLInputElement>(`#train-setup [name=${name}]:checked`)!.value;
}

function showBytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
