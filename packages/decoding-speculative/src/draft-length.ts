/** What the best length of a draft depends on. */
export interface DraftLengthCall {
  /** Probability that a proposed token stays when the ones before it did. */
  readonly acceptance: number;
  /** What it takes to propose and to verify one more token, in steps of the target. */
  readonly cost: number;
  readonly longest: number;
}

/**
 * The length γ at which the most tokens come per time: (1 − a^{γ+1}) / (1 − a) of them a round, which takes 1 + γ c. 0 where no
 * draft is worth its cost.
 * @see Leviathan et al. 2022, arXiv:2211.17192, theorem 3.8.
 */
export function bestDraftLength({ acceptance, cost, longest }: DraftLengthCall): number {
  let best = 0;
  let [expected, share, speed] = [1, 1, 1];
  for (let length = 1; length <= longest; length++) {
    share *= acceptance;
    expected += share;
    const here = expected / (1 + length * cost);
    if (here > speed) [best, speed] = [length, here];
  }
  return best;
}

/** What of the past counts after one more tested token. */
const memory = 0.95;
/** Rounds without a draft until one token is tried again. */
const rest = 12;

/** Follows how many proposed tokens stay, and says how many to propose next. It depends on nothing else, so a seed gives the same again. */
export class AdaptiveLength {
  readonly #cost: number;
  readonly #longest: number;
  // As if two of three tokens had stayed.
  #accepted = 2;
  #tested = 3;
  #resting = 0;

  constructor({ cost, longest }: Omit<DraftLengthCall, 'acceptance'>) {
    this.#cost = cost;
    this.#longest = longest;
  }

  /** Tokens to propose now. */
  next(): number {
    const { length } = this;
    if (length > 0 || this.#longest === 0) return length;
    this.#resting = (this.#resting + 1) % rest;
    return this.#resting === 0 ? 1 : 0;
  }

  /** The best length as far as is known. */
  get length(): number {
    return bestDraftLength({ acceptance: this.#accepted / this.#tested, cost: this.#cost, longest: this.#longest });
  }

  /** Learns from a round in which so many tokens were proposed on the accepted path, and so many stayed. */
  learn(proposed: number, accepted: number): void {
    // A rejected token ends the test; those behind it say nothing.
    const tested = Math.min(proposed, accepted + 1);
    const kept = memory ** tested;
    this.#accepted = kept * this.#accepted + accepted;
    this.#tested = kept * this.#tested + tested;
  }
}
