import type { DraftCounts } from '@tessera/assembler';
import { counted } from './counted.ts';
import { element, write } from './elements.ts';
import type { PageState } from './state.ts';

/** Milliseconds that rejected drafts stay at least: rounds come faster than they can be read. */
const shownFor = { usual: 250, still: 2000 } as const;

/** Below the text: what the marks in it mean, what became of drafts, and what was rejected of late. */
export class DraftsView {
  readonly #panel = element('drafts', HTMLElement);
  readonly #figures = element('draft-figures', HTMLElement);
  readonly #rejected = element('rejected', HTMLElement);
  readonly #still = matchMedia('(prefers-reduced-motion: reduce)');
  #shown: readonly string[] = [];
  #at = 0;

  /** @param speculates - whether what is written next will be made of drafts */
  show({ phase, drafts, rejected, speed }: PageState, speculates: boolean): void {
    this.#panel.hidden = !speculates && drafts === undefined;
    write(this.#figures, drafts ? figures(drafts, speed?.tokens ?? 0) : '');
    const now = performance.now();
    const wait = phase === 'generating' ? shownFor[this.#still.matches ? 'still' : 'usual'] : 0;
    if (rejected === this.#shown || now - this.#at < wait) return;
    this.#shown = rejected;
    this.#at = now;
    this.#rejected.replaceChildren(
      ...rejected.map((text) => {
        const item = document.createElement('s');
        item.textContent = text.replaceAll('\n', '⏎').trim() || '␣';
        return item;
      }),
    );
  }
}

function figures({ rounds, drafted, accepted }: DraftCounts, tokens: number): string {
  if (rounds === 0) return '';
  const share = drafted === 0 ? 'nothing proposed' : `${Math.round((100 * accepted) / drafted)} % accepted`;
  return `${counted(rounds, 'round')} · ${share} · ${(tokens / rounds).toFixed(2)} tokens/round`;
}
