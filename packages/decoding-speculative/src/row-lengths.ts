import type { DraftCost } from './draft-length.ts';
import { AdaptiveLength } from './draft-length.ts';
import { Foresight } from './foresight.ts';
import type { DraftedRow, OpenDraftSource } from './sources/draft-source.ts';

/** What {@link RowLengths} are made of. */
export interface RowLengthsCall {
  readonly rows: readonly DraftedRow[];
  readonly source: Pick<OpenDraftSource, 'foresee'>;
  /** Lengths that drafts may have, ascending. */
  readonly lengths: readonly number[];
  /** What drafts cost; undefined: always as long as may be. */
  readonly cost: DraftCost | undefined;
}

/** How long drafts should be, row by row, with foresight where the source has any. */
export class RowLengths {
  readonly #call: RowLengthsCall;
  readonly #longest: number;
  /** Undefined: as long as may be. */
  readonly #adaptive: readonly AdaptiveLength[] | undefined;
  readonly #foresight: Foresight | undefined;

  constructor(call: RowLengthsCall) {
    this.#call = call;
    const { rows, source, lengths, cost } = call;
    this.#longest = lengths.at(-1) ?? 0;
    if (!cost) return;
    const adaptive = rows.map(() => new AdaptiveLength({ cost, lengths, tries: !source.foresee }));
    this.#adaptive = adaptive;
    if (source.foresee)
      this.#foresight = new Foresight({ rows, lengths: adaptive, foresee: (most) => source.foresee!(most) });
  }

  /** Tokens to propose now in rows that go on, in others none. */
  next(goesOn: (b: number) => boolean): readonly number[] {
    const going = this.#call.rows.map((_, b) => goesOn(b));
    const wanted = going.map((goes, b) => (goes ? (this.#adaptive?.[b]!.next() ?? this.#longest) : 0));
    this.#foresight?.look(wanted.map((depth, b) => (depth === 0 && going[b] ? this.#longest : 0)));
    return wanted;
  }

  /** Of these lengths those of rows in which something would be proposed to the text as it is known; all of them without foresight. */
  foreseen(wanted: readonly number[]): readonly number[] {
    if (!this.#foresight || wanted.every((depth) => depth === 0)) return wanted;
    const drafts = this.#call.source.foresee!(wanted);
    return wanted.map((depth, b) => (drafts[b]?.tokens.length ? depth : 0));
  }

  /** Learns what became of a row's draft. */
  learn(b: number, proposed: number, accepted: number): void {
    this.#adaptive?.[b]!.learn(proposed, accepted);
  }

  /** Nothing was found to propose in a row. */
  missed(b: number): void {
    this.#adaptive?.[b]!.missed();
  }

  /** The rows have grown. */
  grown(): void {
    this.#foresight?.learn();
  }
}
