import type { ModelFacts, ModelSource, Speculation } from '../protocol.ts';
import { demoModels } from './demo-models.ts';
import { element, write } from './elements.ts';
import { addressOf } from './model-chooser.ts';

/** A model beside the page that proposes is at most this part of the one that it proposes to. */
const mostOfTarget = 0.5;

/** Before the name of a model that proposes, in the values of the list. */
const draftPrefix = 'draft=';

/** What proposes tokens: nothing, look-ups, a smaller model beside the page with the same tokens, or one of one's own. */
export class SpeculationSettings {
  readonly #list = element('speculation', HTMLSelectElement);
  readonly #folder = element('draft-folder', HTMLInputElement);
  readonly #sentence = element('speculation-facts', HTMLElement);
  /** Models that were asked for by name, or opened, by their names in the list. */
  readonly #own = new Map<string, ModelSource>();

  /**
   * @param wanted - `lookup`, or the name of a model that is to propose, whatever its size; one that is not there is left to the loader
   * @param changed - called when something else was chosen; `another` when a model that is to propose has to be loaded
   */
  constructor(wanted: string | null, signal: AbortSignal, changed: (another: boolean) => void) {
    if (wanted !== null && wanted !== 'off' && wanted !== 'lookup') this.#own.set(wanted, addressOf(wanted));
    this.#fill([]);
    this.#list.value = wanted === null ? 'off' : this.#own.has(wanted) ? draftPrefix + wanted : wanted;
    this.#list.addEventListener('change', () => changed(this.wish === 'draft'), { signal });
    this.#folder.addEventListener(
      'change',
      () => {
        const files = [...(this.#folder.files ?? [])];
        this.#folder.value = ''; // so that the same folder can be opened again
        if (files.length === 0) return;
        const label = files[0]!.webkitRelativePath.split('/')[0] || 'Opened files';
        this.#own.set(label, files);
        this.#fill([...this.#list.options].map(({ value }) => value));
        this.#list.value = draftPrefix + label;
        changed(true);
      },
      { signal },
    );
  }

  get wish(): Speculation {
    const { value } = this.#list;
    return value.startsWith(draftPrefix) ? 'draft' : (value as 'off' | 'lookup');
  }

  /** The model that is to propose. */
  get draft(): ModelSource | undefined {
    if (this.wish !== 'draft') return undefined;
    const name = this.#list.value.slice(draftPrefix.length);
    return this.#own.get(name) ?? addressOf(name);
  }

  /** Offers what can propose to a model beside the page; to others, what is one's own. */
  offer(target: string): void {
    const models = demoModels();
    const model = models.find(({ name }) => name === target);
    const smaller = models.filter(
      ({ tokenizer, bytes }) =>
        model?.tokenizer !== undefined && tokenizer === model.tokenizer && bytes <= mostOfTarget * model.bytes,
    );
    this.#fill(smaller.map(({ name }) => draftPrefix + name));
  }

  show(model: ModelFacts | undefined, enabled: boolean): void {
    this.#list.disabled = !enabled;
    this.#folder.disabled = !enabled;
    write(this.#sentence, sentenceOf(this.wish, model));
  }

  #fill(drafts: readonly string[]): void {
    const chosen = this.#list.value;
    const values = new Set(['off', 'lookup', ...drafts, ...[...this.#own.keys()].map((name) => draftPrefix + name)]);
    this.#list.replaceChildren(...[...values].map((value) => new Option(labelOf(value), value)));
    this.#list.value = values.has(chosen) ? chosen : 'off';
  }
}

function labelOf(value: string): string {
  if (value === 'off') return 'Off';
  if (value === 'lookup') return 'Look-ups';
  return value.slice(draftPrefix.length);
}

function sentenceOf(wish: Speculation, model: ModelFacts | undefined): string {
  switch (wish) {
    case 'off':
      return '';
    case 'lookup':
      return 'What followed the same tokens before is proposed.';
    case 'draft':
      return model?.draft ? `A model of ${(model.draft.parameters / 1e6).toFixed(1)} M parameters proposes.` : '';
  }
}
