import type { HeadRetrieval, Retrieval } from '../protocol.ts';
import { element, write } from './elements.ts';

/**
 * What each head of a Memory Mosaic reads: the tokens of a text, of which one is chosen, and for each head the strongest earlier pairs.
 * The tokens are a list in which arrow keys move.
 */
export class RetrievalView {
  readonly #tokens = element('retrieval-tokens', HTMLElement);
  readonly #caption = element('retrieval-caption', HTMLElement);
  readonly #rows = element('retrieval-rows', HTMLElement);
  #shown: Retrieval | undefined;
  #position = 0;
  #head = 0;

  constructor(signal: AbortSignal) {
    this.#tokens.addEventListener('keydown', (event) => this.#move(event), { signal });
    this.#tokens.addEventListener(
      'click',
      ({ target }) => {
        const place = [...this.#tokens.children].indexOf(target as Element);
        if (place >= 0) this.#choose(place);
      },
      { signal },
    );
  }

  show(retrieval: Retrieval | undefined): void {
    if (retrieval === this.#shown) return;
    this.#shown = retrieval;
    this.#head = 0;
    this.#tokens.replaceChildren(
      ...(retrieval?.tokens ?? []).map((token, place) => {
        const option = made('span', visible(token));
        option.id = `retrieval-token-${place}`;
        option.setAttribute('role', 'option');
        return option;
      }),
    );
    this.#rows.replaceChildren();
    if (retrieval) {
      this.#choose(retrieval.tokens.length - 1);
      this.#tokens.focus();
    }
  }

  #move(event: KeyboardEvent): void {
    const last = (this.#shown?.tokens.length ?? 0) - 1;
    const steps: Readonly<Record<string, number>> = {
      ArrowLeft: this.#position - 1,
      ArrowUp: this.#position - 1,
      ArrowRight: this.#position + 1,
      ArrowDown: this.#position + 1,
      Home: 0,
      End: last,
    };
    const to = steps[event.key];
    if (to === undefined) return;
    event.preventDefault();
    this.#choose(Math.max(0, Math.min(last, to)));
  }

  #choose(position: number): void {
    this.#position = position;
    this.#tokens.setAttribute('aria-activedescendant', `retrieval-token-${position}`);
    [...this.#tokens.children].forEach((token, place) =>
      token.setAttribute('aria-selected', String(place === position)),
    );
    this.#tokens.children[position]?.scrollIntoView({ block: 'nearest' });
    const { tokens, heads, skipped } = this.#shown!;
    write(this.#caption, `What each head reads at token ${skipped + position}, ${quoted(tokens[position]!)}`);
    this.#rows.replaceChildren(...heads.map((head, place) => this.#row(head, place)));
    this.#mark();
  }

  #row({ layer, head, positions }: HeadRetrieval, place: number): HTMLElement {
    const { tokens, skipped } = this.#shown!;
    const button = made('button', `Layer ${layer}, head ${head}`) as HTMLButtonElement;
    button.type = 'button';
    button.title = 'Mark in the text what it reads';
    button.addEventListener('click', () => {
      this.#head = place;
      this.#mark();
    });
    const pairs = positions[this.#position]!.map(({ position, weight }) => {
      const token = (at: number): string => quoted(tokens[at] ?? '');
      const item = made('li', bar(weight), `${percent(weight)} `, `${token(position)} → ${token(position + 1)}`);
      item.append(made('small', ` at ${skipped + position}`));
      return item;
    });
    const list = pairs.length > 0 ? made('ol', ...pairs) : made('p', 'Nothing: there is no earlier pair.');
    const header = made('th', button);
    header.setAttribute('scope', 'row');
    return made('tr', header, made('td', list));
  }

  /** Shows in the text what the chosen head reads: the token of the strongest pair is marked most. */
  #mark(): void {
    const pairs = this.#shown!.heads[this.#head]?.positions[this.#position] ?? [];
    const most = pairs[0]?.weight ?? 1;
    const weights = new Map(pairs.map(({ position, weight }) => [position, weight / most]));
    [...this.#tokens.children].forEach((token, place) =>
      (token as HTMLElement).style.setProperty('--weight', percent(weights.get(place) ?? 0)),
    );
    [...this.#rows.querySelectorAll('button')].forEach((button, place) => {
      button.ariaPressed = String(place === this.#head);
    });
  }
}

/** A bar as long as a weight. What it says stands beside it. */
function bar(weight: number): HTMLElement {
  const shown = made('i');
  shown.ariaHidden = 'true';
  shown.style.setProperty('--weight', percent(weight));
  return shown;
}

function percent(weight: number): string {
  return `${Math.round(100 * weight)}%`;
}

function visible(token: string): string {
  return token.replaceAll('\n', '⏎') || '·';
}

function quoted(token: string): string {
  return `“${visible(token)}”`;
}

function made(name: string, ...content: (string | Node)[]): HTMLElement {
  const node = document.createElement(name);
  node.append(...content);
  return node;
}
