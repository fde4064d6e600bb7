import type { Tell } from '../protocol.ts';

/** Milliseconds between two reports: the page draws no faster. */
const interval = 100;

/** Weight of what was, in the running mean of a step's time. */
const inertia = 0.9;

/** Tells of steps, several at once where they are quick, and how fast they go. */
export class StepReports {
  readonly #tell: Tell;
  #step = 0;
  #losses: number[] = [];
  #told = 0;
  #since: number | undefined;
  #perToken: number | undefined;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  /** A step is done. */
  add(step: number, loss: number, tokens: number): void {
    const now = performance.now();
    // The first step after a start was waited for while it was compiled.
    if (this.#since !== undefined) {
      const perToken = (now - this.#since) / tokens;
      this.#perToken = this.#perToken === undefined ? perToken : inertia * this.#perToken + (1 - inertia) * perToken;
    }
    this.#since = now;
    this.#step = step;
    this.#losses.push(loss);
    if (now - this.#told >= interval) this.flush();
  }

  /** Something else takes its time now, and does not count. */
  interrupt(): void {
    this.flush();
    this.#since = undefined;
  }

  /** What was evaluated or written meanwhile does not count. */
  resume(): void {
    this.#since = performance.now();
  }

  /** Tells of what has not been told. */
  flush(): void {
    if (this.#losses.length === 0) return;
    this.#tell({
      type: 'steps',
      step: this.#step,
      losses: this.#losses,
      tokensPerSecond: this.#perToken === undefined ? undefined : 1000 / this.#perToken,
    });
    this.#losses = [];
    this.#told = performance.now();
  }
}
