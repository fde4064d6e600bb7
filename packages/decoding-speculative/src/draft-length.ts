/** What drafts cost, in steps of the target. */
export interface DraftCost {
  /** To propose one token and to verify it. */
  readonly token: number;
  /** What comes on top, times the square of the length: of many tokens each takes more to verify. @defaultValue 0 */
  readonly square?: number | undefined;
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

/** What a round with a draft of so many tokens takes, in steps: 1 + r + γ c + γ² s. */
function stepsOfRound({ token, square = 0, round = 0 }: DraftCost, length: number): number {
  return 1 + round + length * token + length ** 2 * square;
}

/** A draft has to promise so much more than a step: costs are estimates. */
const leastGain = 1.06;

/**
 * The length γ at which the most tokens come per time: (1 − a^{γ+1}) / (1 − a) of them a round. 0 where no draft is worth its cost.
 * @see Leviathan et al. 2022, arXiv:2211.17192, theorem 3.8.
 */
export function bestDraftLength({ acceptance, cost, lengths }: DraftLengthCall): number {
  let [best, speed] = [0, leastGain];
  for (const length of lengths) {
    const tokens = acceptance === 1 ? length + 1 : (1 - acceptance ** (length + 1)) / (1 - acceptance);
    const here = tokens / stepsOfRound(cost, length);
    if (here > speed) [best, speed] = [length, here];
  }
  return best;
}

/** What of the past counts after one more tested token. */
const memory = 0.98;

/**
 * Where no draft promises enough, short ones are tried until they have lost this part of what one of them may lose, or gain; of what they gained
 * so many steps may be lost again.
 */
const trying = { lost: 0.9, most: 3 } as const;

/**
 * In between is rest: so many rounds for each step that a try may lose, after each time in vain so much longer. So what is lost is a small part of any
 * text, and one whose beginning nobody could have told is tried again soon after it.
 */
const rest = { first: 16, growth: 4, longest: 600 } as const;

/** Rounds in which a source that finds nothing is not asked, at most. */
const longestPause = 8;

/** What an {@link AdaptiveLength} is made of. */
export interface AdaptiveLengthCall extends Omit<DraftLengthCall, 'acceptance'> {
  /** Short drafts are tried where none promises enough. False: {@link AdaptiveLength.foresaw} tells of what rests. @defaultValue true */
  readonly tries?: boolean | undefined;
}

/** Follows how many proposed tokens stay, and says how many to propose next. It depends on nothing else, so a seed gives the same again. */
export class AdaptiveLength {
  readonly #cost: DraftCost;
  readonly #lengths: readonly number[];
  readonly #tries: boolean;
  // As if six of ten tokens had stayed: a few that do not are no reason to rest.
  #accepted = 6;
  #tested = 10;
  /** Steps that a try of the shortest draft may lose. */
  readonly #atStake: number;
  /** Steps that tries may still lose, and rounds of rest that are left. */
  #credit: number;
  #resting = 0;
  /** Rounds of the next rest, for each step at stake. */
  #nextRest: number = rest.first;
  /** Rounds until something is looked for again, and how many that were after the last time that nothing was found. */
  #pausing = 0;
  #pause = 0;

  constructor({ cost, lengths, tries = true }: AdaptiveLengthCall) {
    this.#cost = cost;
    this.#lengths = lengths;
    this.#tries = tries;
    this.#atStake = stepsOfRound(cost, lengths[0] ?? 0) - 1 / leastGain;
    this.#credit = trying.lost * this.#atStake;
  }

  /** Tokens to propose now. */
  next(): number {
    if (this.#pausing > 0) {
      this.#pausing--;
      return 0;
    }
    const { length } = this;
    if (length > 0) {
      this.#resting = 0;
      this.#nextRest = rest.first;
      return length;
    }
    if (!this.#tries) return 0;
    if (this.#resting > 0) {
      if (--this.#resting > 0) return 0;
      this.#credit = trying.lost * this.#atStake;
    } else if (this.#credit < 0) {
      this.#resting = Math.ceil(this.#nextRest * this.#atStake);
      this.#nextRest = Math.min(rest.growth * this.#nextRest, rest.longest);
      return 0;
    }
    return this.#lengths[0] ?? 0;
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
    this.foresaw(Math.min(proposed, accepted + 1), accepted);
    this.#credit += (accepted + 1) / leastGain - stepsOfRound(this.#cost, proposed);
    this.#credit = Math.min(this.#credit, Math.max(trying.most, this.#atStake));
  }

  /** Learns what would have become of tokens that were not proposed: so many would have been tested, and so many of these would have stayed. */
  foresaw(tested: number, accepted: number): void {
    const kept = memory ** tested;
    this.#accepted = kept * this.#accepted + accepted;
    this.#tested = kept * this.#tested + tested;
  }

  /** Nothing was found to propose, which was waited for: after each time in a row it is not looked for in twice as many rounds. */
  missed(): void {
    this.#pausing = this.#pause = Math.min(Math.max(1, 2 * this.#pause), longestPause);
  }
}
