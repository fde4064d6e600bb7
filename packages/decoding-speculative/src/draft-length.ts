/** What drafts cost, in steps of the target. */
export interface DraftCost {
  /** To propose one token and to verify it. */
  readonly token: number;
  /** What a round with a draft takes however long it is, beside a step. @defaultValue 0 */
  readonly round?: number | undefined;
}

/** What the best length of a draft depends on. */
export interface DraftLengthCall {
  /** Probability that a proposed token stays when the ones before it did. */
  readonly acceptance: number;
  readonly cost: DraftCost;
  /** Lengths that may be, ascending. */
  readonly lengths: readonly number[];
}

/** A draft has to promise so much more than a step: costs are estimates. */
const leastGain = 1.1;

/**
 * The length γ at which the most tokens come per time: (1 − a^{γ+1}) / (1 − a) of them a round, which takes 1 + r + γ c. 0 where no
 * draft is worth its cost.
 * @see Leviathan et al. 2022, arXiv:2211.17192, theorem 3.8.
 */
export function bestDraftLength({ acceptance, cost, lengths }: DraftLengthCall): number {
  let [best, speed] = [0, leastGain];
  for (const length of lengths) {
    const tokens = acceptance === 1 ? length + 1 : (1 - acceptance ** (length + 1)) / (1 - acceptance);
    const here = tokens / (1 + (cost.round ?? 0) + length * cost.token);
    if (here > speed) [best, speed] = [length, here];
  }
  return best;
}

/** What of the past counts after one more tested token. */
const memory = 0.95;
/** Rounds without a draft until one token is tried again: the longer the dearer a try, and the more of them have failed. */
const rests = { shortest: 8, perCost: 32, doublings: 3 } as const;

/** Follows how many proposed tokens stay, and says how many to propose next. It depends on nothing else, so a seed gives the same again. */
export class AdaptiveLength {
  readonly #cost: DraftCost;
  readonly #lengths: readonly number[];
  // As if two of three tokens had stayed.
  #accepted = 2;
  #tested = 3;
  readonly #shortestRest: number;
  /** Rounds until something is looked for again, and how many that were after the last time that nothing was found. */
  #pausing = 0;
  #pause = 0;
  /** Rounds until the next try, and from that one to the one after it. */
  #resting: number;
  #rest: number;

  constructor({ cost, lengths }: Omit<DraftLengthCall, 'acceptance'>) {
    this.#cost = cost;
    this.#lengths = lengths;
    this.#shortestRest = Math.max(rests.shortest, Math.ceil(rests.perCost * (cost.token + (cost.round ?? 0))));
    this.#rest = this.#resting = this.#shortestRest;
  }

  /** Tokens to propose now. */
  next(): number {
    if (this.#pausing > 0) {
      this.#pausing--;
      return 0;
    }
    const { length } = this;
    if (length > 0 || this.#lengths.length === 0) return length;
    if (--this.#resting > 0) return 0;
    this.#resting = this.#rest;
    return this.#lengths[0]!;
  }

  /** The best length as far as is known. */
  get length(): number {
    return bestDraftLength({
      acceptance: this.#accepted / this.#tested,
      cost: this.#cost,
      lengths: this.#lengths,
    });
  }

  /** Learns from a round in which so many tokens were proposed on the accepted path, and so many stayed. */
  learn(proposed: number, accepted: number): void {
    if (proposed === 0) return;
    this.#pause = 0;
    // A rejected token ends the test; those behind it say nothing.
    const tested = Math.min(proposed, accepted + 1);
    const kept = memory ** tested;
    this.#accepted = kept * this.#accepted + accepted;
    this.#tested = kept * this.#tested + tested;
    const longest = this.#shortestRest * 2 ** rests.doublings;
    this.#rest = accepted > 0 ? this.#shortestRest : Math.min(2 * this.#rest, longest);
    this.#resting = accepted > 0 ? 1 : this.#rest;
  }
  /** Nothing was found to propose, which was waited for: after each time in a row it is not looked for in twice as many rounds. */
  missed(): void {
    this.#pausing = this.#pause = Math.min(Math.max(1, 2 * this.#pause), this.#shortestRest);
  }
}
