import type { Speed } from '../protocol.ts';

/** Takes the time of a generation that begins now. */
export class StopWatch {
  readonly #started = performance.now();
  #first = 0;
  #last = 0;
  #tokens = 0;

  /** A token is there. */
  token(): void {
    this.#last = performance.now();
    if (this.#tokens === 0) this.#first = this.#last;
    this.#tokens++;
  }

  speed(): Speed {
    const steps = this.#tokens - 1;
    return {
      prefillMs: this.#first - this.#started,
      tokens: this.#tokens,
      tokensPerSecond: steps > 0 ? (1000 * steps) / (this.#last - this.#first) : undefined,
    };
  }
}
