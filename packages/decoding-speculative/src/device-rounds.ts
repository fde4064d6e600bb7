import type { ChainRounds, DraftCounts, NextToken, Proposal, StartedRound } from '@tessera/assembler';
import { checkDraft } from './acceptance/draft.ts';
import type { DraftCost } from './draft-length.ts';
import { RowLengths } from './row-lengths.ts';
import type { SpeculativeRow } from './rounds.ts';
import { isDone } from './rounds.ts';
import type { OpenDraftSource } from './sources/draft-source.ts';

/** What {@link DeviceRounds} are made of. */
export interface DeviceRoundsCall {
  readonly chains: ChainRounds;
  /** One for each row of the rounds; their `generated` is added to. */
  readonly rows: readonly (SpeculativeRow & { readonly generated: number[] })[];
  /** Proposes from the host, unless it has something that does so on the device. */
  readonly source: OpenDraftSource;
  /** For messages. */
  readonly sourceName: string;
  readonly vocabSize: number;
  /** Lengths that drafts may have, ascending. */
  readonly lengths: readonly number[];
  /** What drafts cost; undefined: always propose as many as may be. */
  readonly cost: DraftCost | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One that the host reads, and one that runs meanwhile. */
const roundsAtOnce = 2;

/**
 * Speculation over rows that a device decides about by itself. It is one round ahead: while the host reads what a round gave, the next one
 * is under way, unless the host has to propose something in it. What a round gave beyond the end of a text is nowhere: the device stops there.
 */
export class DeviceRounds {
  readonly #call: DeviceRoundsCall;
  readonly #lengths: RowLengths;
  readonly #underWay: StartedRound[] = [];
  /** How many tokens to propose in the next round. */
  #wanted: readonly number[] | undefined;
  #rounds = 0;
  #drafted = 0;
  #accepted = 0;

  constructor(call: DeviceRoundsCall) {
    this.#call = call;
    this.#lengths = new RowLengths({ ...call, source: this.#there ? {} : call.source });
  }

  /** What became of the drafts so far. */
  get drafts(): DraftCounts {
    return { rounds: this.#rounds, drafted: this.#drafted, accepted: this.#accepted };
  }

  /** True for a row that has its limit or was ended by one of its ids. */
  isDone(b: number): boolean {
    return isDone(this.#call.rows[b]!);
  }

  /** The next tokens of each row, one at least of each that is not done; none of the others, which stay as they are. */
  async round(): Promise<readonly (readonly NextToken[])[]> {
    const { rows, source } = this.#call;
    while (this.#underWay.length < roundsAtOnce && rows.some((_, b) => this.#goesOn(b)) && (await this.#start()));
    const made = await this.#underWay.shift()?.rows;
    if (!made) return rows.map(() => []);
    this.#rounds++;
    made.forEach(({ ids, proposed, accepted }, b) => {
      rows[b]!.generated.push(...ids);
      this.#drafted += proposed.length;
      this.#accepted += Math.min(accepted, ids.length);
      this.#lengths.learn(b, proposed.length, accepted);
    });
    this.#lengths.grown();
    if (this.#there) source.watch?.(made);
    else
      await source.keep?.(
        made.map(({ ids, accepted }) => Array.from({ length: Math.min(accepted, ids.length) }, (_, node) => node)),
      );
    return made.map(({ ids }) => ids.map((id) => ({ id })));
  }

  /** Ends the rounds; what is under way is not waited for. Idempotent. */
  dispose(): void {
    this.#call.chains.dispose();
  }

  /** As {@link DeviceRounds.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** True where the device proposes by itself. */
  get #there(): boolean {
    const { chain, guess } = this.#call.source;
    return chain !== undefined || guess !== undefined;
  }

  /** True for a row to which a further round will give something, unless one that is under way ends it. */
  #goesOn(b: number): boolean {
    return !this.isDone(b) && this.#leftOf(b) > 0;
  }

  /** Tokens that a row may still get when each round under way has given it one. */
  #leftOf(b: number): number {
    const { limit, generated } = this.#call.rows[b]!;
    return limit - generated.length - this.#underWay.length;
  }

  /** Starts a round; false: the host has to know what the one under way gives before it proposes. */
  async #start(): Promise<boolean> {
    const { chains, signal } = this.#call;
    signal?.throwIfAborted();
    const wanted = (this.#wanted ??= this.#want());
    if (!this.#there && this.#underWay.length > 0 && wanted.some((depth) => depth > 0)) return false;
    this.#wanted = undefined;
    // One token comes without a draft.
    const depths = wanted.map((depth, b) => (this.#goesOn(b) ? Math.min(depth, this.#leftOf(b) - 1) : 0));
    const proposal = this.#there ? { depths } : { tokens: await this.#proposed(depths) };
    signal?.throwIfAborted();
    this.#underWay.push(await chains.start(proposal satisfies Proposal, { signal }));
    return true;
  }

  /** How many tokens to propose in the next round, by what is known. */
  #want(): readonly number[] {
    const wanted = this.#lengths.next((b) => this.#goesOn(b));
    // What is under way is waited for only where something would be proposed then.
    return this.#underWay.length === 0 ? wanted : this.#lengths.foreseen(wanted);
  }

  async #proposed(most: readonly number[]): Promise<readonly (readonly number[])[]> {
    const { rows, source, sourceName, vocabSize } = this.#call;
    if (most.every((depth) => depth === 0)) return rows.map(() => []);
    const drafts = await source.propose(most);
    return rows.map((_, b) => {
      const draft = drafts[b];
      if (draft) checkDraft(draft, vocabSize, sourceName);
      const tokens = draft?.tokens.slice(0, most[b]) ?? [];
      if (most[b]! > 0 && tokens.length === 0) this.#lengths.missed(b);
      return tokens;
    });
  }
}
