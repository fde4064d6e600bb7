import type { DraftCounts } from '@tessera/assembler';
import type { DraftSource, OpenDraftSource } from '@tessera/decoding-speculative';

/** Where a token came from. */
export interface TokenOrigin {
  /** True: it was proposed, and the model would have it so. */
  readonly accepted: boolean;
  /** Tokens that were proposed for its place and the ones after it, and were rejected. */
  readonly rejected: readonly number[];
}

/** Watches what is proposed for one text and what becomes of it, token by token. */
export class WatchedDrafts {
  readonly #source: DraftSource;
  /** Of tokens that were made and not asked about. */
  readonly #origins: TokenOrigin[] = [];
  #rounds = 0;
  #drafted = 0;
  #accepted = 0;

  constructor(source: DraftSource) {
    this.#source = source;
  }

  /** Proposes what the source does. */
  get source(): DraftSource {
    const source = this.#source;
    return {
      name: source.name,
      cost: (target) => source.cost(target),
      open: async (call) => {
        const opened = await source.open(call);
        return this.#watched(opened, call.rows[0]!.generated);
      },
    };
  }

  /** What became of drafts so far. */
  get counts(): DraftCounts {
    return { rounds: this.#rounds, drafted: this.#drafted, accepted: this.#accepted };
  }

  /** Where the next token of the text came from, once it is there. */
  next(): TokenOrigin {
    return this.#origins.shift()!;
  }

  #watched(opened: OpenDraftSource, generated: readonly number[]): OpenDraftSource {
    let proposed: readonly number[] = [];
    let length = generated.length;
    return {
      async propose(most) {
        const drafts = await opened.propose(most);
        proposed = drafts[0]!.tokens;
        return drafts;
      },
      keep: async (...told: Parameters<NonNullable<OpenDraftSource['keep']>>) => {
        await opened.keep?.(...told);
        const [paths] = told;
        this.#round(proposed, paths[0]!.length, generated.length - length);
        proposed = [];
        length = generated.length;
      },
      foresee: opened.foresee?.bind(opened),
      chain: opened.chain,
      watch: ([row]) => this.#round(row!.proposed, Math.min(row!.accepted, row!.ids.length), row!.ids.length),
      [Symbol.dispose]: () => opened[Symbol.dispose]?.(),
    };
  }

  /** Of a chain the first tokens stay; then comes one that the model chose itself, unless the text ended before. */
  #round(proposed: readonly number[], accepted: number, made: number): void {
    this.#rounds++;
    this.#drafted += proposed.length;
    this.#accepted += accepted;
    for (let place = 0; place < made; place++)
      this.#origins.push(
        place < accepted ? { accepted: true, rejected: [] } : { accepted: false, rejected: proposed.slice(accepted) },
      );
  }
}
