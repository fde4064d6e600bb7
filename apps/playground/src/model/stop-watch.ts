import type { Speed } from '../protocol.ts';

/** Milliseconds over which the speed is taken, so that of a text of hours it is that of now. */
const span = 10_000;

/** Milliseconds between two marks: tokens that are accepted together come at once. */
const between = 500;

/** Takes the time of a generation that begins now. */
export class StopWatch {
  readonly #started = performance.now();
  /** Moments, and how many tokens were there; the oldest first. */
  readonly #marks: { readonly at: number; readonly tokens: number }[] = [];
  #first = 0;
  #last = 0;
  #tokens = 0;

  /** A token is there. */
  token(): void {
    this.#last = performance.now();
    this.#tokens++;
    const mark = this.#marks.at(-1);
    if (!mark) this.#first = this.#last;
    if (mark && this.#last - mark.at < between) return;
    this.#marks.push({ at: this.#last, tokens: this.#tokens });
    // At least that far back, as soon as there is so much.
    while (this.#marks.length > 1 && this.#last - this.#marks[1]!.at >= span) this.#marks.shift();
  }

  speed(): Speed {
    const since = this.#marks[0];
    const steps = this.#tokens - (since?.tokens ?? this.#tokens);
    return {
      prefillMs: this.#first - this.#started,
      tokens: this.#tokens,
      tokensPerSecond: steps > 0 ? (1000 * steps) / (this.#last - since!.at) : undefined,
    };
  }
}
