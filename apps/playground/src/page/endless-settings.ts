import type { ModelFacts, Reach, SinkWish } from '../protocol.ts';
import { windowFor } from '../window-for.ts';
import { element, write } from './elements.ts';

/** The switch for streams without end, with what is kept of them. */
export class EndlessSettings {
  readonly #endless = element('endless', HTMLInputElement);
  readonly #sinks = element('sinks', HTMLInputElement);
  readonly #window = element('window', HTMLInputElement);
  readonly #kept = element('kept', HTMLElement);
  readonly #tokens = element('max-tokens', HTMLInputElement);
  readonly #sentence = element('reach', HTMLElement);
  #reach: Reach | undefined;

  /** @param changed - called when the model has to be read in another way */
  constructor(signal: AbortSignal, changed: () => void) {
    // The page may be an old one that the browser brought back.
    this.#endless.checked = false;
    for (const input of [this.#endless, this.#sinks, this.#window])
      input.addEventListener(
        'change',
        () => {
          this.#tokens.disabled = this.#endless.checked;
          // A memory of constant size has nothing to let go of.
          if (this.#reach?.kind === 'constant' || !this.#sinks.checkValidity() || !this.#window.checkValidity()) return;
          if (input === this.#endless || this.#endless.checked) changed();
        },
        { signal },
      );
  }

  /** Whether a text goes on until it is stopped. */
  get endless(): boolean {
    return this.#endless.checked && this.#reach !== undefined && this.#reach.kind !== 'context';
  }

  /** What a model is to be loaded with. */
  get wish(): SinkWish | undefined {
    if (!this.#endless.checked) return undefined;
    const window = this.#window.valueAsNumber;
    return { sinks: this.#sinks.valueAsNumber, window: Number.isNaN(window) ? undefined : window };
  }

  show(model: ModelFacts | undefined, enabled: boolean): void {
    this.#reach = model?.reach;
    const refused = model?.reach.kind === 'context' && model.reach.refusal !== undefined;
    if (refused) this.#endless.checked = false;
    this.#endless.disabled = !enabled || refused;
    for (const input of [this.#sinks, this.#window])
      input.disabled = !enabled || !this.#endless.checked || this.#reach?.kind === 'constant';
    this.#kept.hidden = !this.#endless.checked || this.#reach?.kind === 'constant';
    this.#tokens.disabled = this.#endless.checked;
    const sinks = Number.isNaN(this.#sinks.valueAsNumber) ? 0 : this.#sinks.valueAsNumber;
    this.#window.placeholder = model ? String(windowFor(model.positions, sinks)) : '';
    write(this.#sentence, model ? sentenceOf(model) : '');
  }
}

function sentenceOf({ reach, positions }: ModelFacts): string {
  switch (reach.kind) {
    case 'constant':
      return 'This model is endless by itself: what it remembers is of constant size.';
    case 'sinks':
      return `It sees the first ${reach.sinks} and the last ${reach.window} tokens, at flat memory.`;
    case 'context':
      return reach.refusal ?? `A text ends at ${positions.toLocaleString('en-US')} tokens, unless it is endless.`;
  }
}
