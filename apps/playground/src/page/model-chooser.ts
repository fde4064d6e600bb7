import type { ModelFacts, ModelSource } from '../protocol.ts';
import { demoModels } from './demo-models.ts';
import { element, write } from './elements.ts';

/** A model that was chosen. */
export interface ChosenModel {
  readonly name: string;
  readonly source: ModelSource;
  /** A beginning that it knows how to go on from, where that is known. */
  readonly prompt: string | undefined;
}

/** What the page begins with. */
const first = 'llama-4m';

/** The list of models, and what opens one's own. */
export class ModelChooser {
  readonly #list = element('model', HTMLSelectElement);
  readonly #inputs = ['model-folder', 'model-files'].map((id) => element(id, HTMLInputElement));
  readonly #facts = element('model-facts', HTMLElement);
  /** Files that were opened, by their names in the list. */
  readonly #own = new Map<string, readonly File[]>();

  /** @param wanted - the name of the model to begin with; one that is not there is left to the loader, which says so */
  constructor(wanted: string | null, signal: AbortSignal, changed: () => void) {
    const models = demoModels();
    this.#list.replaceChildren(
      ...models.map(({ name, bytes }) => new Option(`${name} · ${(bytes / 1e6).toFixed(1)} MB`, name)),
    );
    const name = wanted ?? (models.some((model) => model.name === first) ? first : (models[0]?.name ?? first));
    this.#choose(name);
    this.#list.addEventListener('change', changed, { signal });
    for (const input of this.#inputs)
      input.addEventListener(
        'change',
        () => {
          const files = [...(input.files ?? [])];
          input.value = ''; // so that the same files can be opened again
          if (files.length === 0) return;
          const label = files[0]!.webkitRelativePath.split('/')[0] || 'Opened files';
          this.#own.set(label, files);
          this.#choose(label);
          changed();
        },
        { signal },
      );
  }

  get chosen(): ChosenModel {
    const name = this.#list.value;
    const files = this.#own.get(name);
    return {
      name,
      source: files ?? addressOf(name),
      prompt: files ? undefined : demoModels().find((model) => model.name === name)?.prompt,
    };
  }

  show(facts: ModelFacts | undefined, enabled: boolean): void {
    this.#list.disabled = !enabled;
    for (const input of this.#inputs) input.disabled = !enabled;
    write(this.#facts, facts ? `${parametersOf(facts)} · ${facts.mixers}` : '');
  }

  #choose(name: string): void {
    if (![...this.#list.options].some(({ value }) => value === name)) this.#list.add(new Option(name, name));
    this.#list.value = name;
  }
}

/** The address of the folder of a model beside the page. */
export function addressOf(name: string): string {
  return new URL(`${encodeURIComponent(name)}/`, document.baseURI).href;
}

function parametersOf({ parameters }: ModelFacts): string {
  return parameters < 1e6
    ? `${(parameters / 1e3).toFixed(1)} k parameters`
    : `${(parameters / 1e6).toFixed(1)} M parameters`;
}
