import type { Draft } from './acceptance/draft.ts';
import { childrenOf, parentsOf } from './acceptance/draft.ts';
import type { AdaptiveLength } from './draft-length.ts';
import type { DraftedRow } from './sources/draft-source.ts';

/** What {@link Foresight} is made of. */
export interface ForesightCall {
  readonly rows: readonly DraftedRow[];
  /** Learns of each row how much would have stayed. */
  readonly lengths: readonly AdaptiveLength[];
  /** What would be proposed to the rows as they are. */
  readonly foresee: (most: readonly number[]) => readonly Draft[];
}

/**
 * Compares what a source would have proposed while it rested with the text as it comes. So it is known when drafts are worth while again, and no
 * round is spent on finding out.
 */
export class Foresight {
  readonly #call: ForesightCall;
  /** Of each row what was foreseen, and how long its text was then. */
  readonly #foreseen: ({ readonly draft: Draft; readonly after: number } | undefined)[];

  constructor(call: ForesightCall) {
    this.#call = call;
    this.#foreseen = call.rows.map(() => undefined);
  }

  /**
   * Looks ahead in rows of which nothing is awaited yet.
   * @param most - of each row how many tokens deep; 0: nothing
   */
  look(most: readonly number[]): void {
    const wanted = most.map((depth, b) => (this.#foreseen[b] ? 0 : depth));
    if (wanted.every((depth) => depth === 0)) return;
    const { rows, foresee } = this.#call;
    foresee(wanted).forEach((draft, b) => {
      if (wanted[b]! > 0 && draft.tokens.length > 0) this.#foreseen[b] = { draft, after: rows[b]!.generated.length };
    });
  }

  /** Learns from what came since. */
  learn(): void {
    const { rows, lengths } = this.#call;
    rows.forEach(({ generated }, b) => {
      const foreseen = this.#foreseen[b];
      if (!foreseen) return;
      const test = testOf(foreseen.draft, generated.slice(foreseen.after));
      if (!test) return;
      this.#foreseen[b] = undefined;
      lengths[b]!.foresaw(test.tested, test.accepted);
    });
  }
}

/** How many tokens of a draft would have been tested and stayed where a text went on like this; undefined: that cannot be told yet. */
function testOf(
  draft: Draft,
  came: readonly number[],
): { readonly tested: number; readonly accepted: number } | undefined {
  const parents = parentsOf(draft);
  let node = -1;
  for (let accepted = 0; ; accepted++) {
    const children = childrenOf(parents, node);
    if (children.length === 0) return { tested: accepted, accepted };
    if (accepted === came.length) return undefined;
    const next = children.find((child) => draft.tokens[child] === came[accepted]);
    if (next === undefined) return { tested: accepted + 1, accepted };
    node = next;
  }
}
