/** What {@link Occurrences} look for. */
export interface OccurrencesCall {
  /** Last tokens that are looked for, at most. */
  readonly longestMatch: number;
  /** Last tokens of the text among which they are looked for. @defaultValue all */
  readonly lookBack?: number | undefined;
}

/** More than there are ids in any vocabulary: a run and the token behind it are one number. */
const manyIds = 2 ** 22;

/** A text is this long before anything of it is forgotten: to begin anew takes its time. */
const leastForgotten = 1024;

/** The number of the run without tokens. */
const noTokens = 0;

/**
 * Where the last tokens of a text that grows stood before. Each run of tokens has a number, that of the run one shorter with a token behind it, so
 * that reading and finding take the same time however long the text is.
 */
export class Occurrences {
  readonly #longestMatch: number;
  readonly #lookBack: number;
  #text: number[] = [];
  /** Tokens of the text that were forgotten. */
  #forgotten = 0;
  #runs = new Map<number, number>();
  /** By number of a run where it began last, the one at the very end not counted. */
  #latest: number[] = [];
  /** By length the runs that end before the last token, each shorter than the longest match. */
  #before: number[] = [noTokens];

  constructor({ longestMatch, lookBack = Infinity }: OccurrencesCall) {
    this.#longestMatch = longestMatch;
    this.#lookBack = lookBack;
  }

  /** Reads what has come since. The text was a beginning of this one. */
  readOn(prompt: readonly number[], generated: readonly number[]): void {
    const end = prompt.length + generated.length;
    for (let at = this.#forgotten + this.#text.length; at < end; at++)
      this.#read(at < prompt.length ? prompt[at]! : generated[at - prompt.length]!);
  }

  /** Up to so many tokens that followed the last ones where they stood before, the most recent time; of the longest match that there is. */
  continuation(most: number): readonly number[] {
    const last = this.#text.at(-1);
    if (last === undefined || most === 0) return [];
    for (let length = this.#before.length; length > 0; length--) {
      const run = this.#runs.get(this.#before[length - 1]! * manyIds + last);
      if (run === undefined) continue;
      const at = this.#latest[run]!;
      if (at >= this.#text.length - this.#lookBack) return this.#text.slice(at + length, at + length + most);
    }
    return [];
  }

  #read(token: number): void {
    if (this.#text.length >= Math.max(2 * this.#lookBack, leastForgotten)) this.#forget();
    // What ends at the last token is found from now on, since another one is the last.
    const last = this.#text.at(-1);
    if (last !== undefined) {
      const runs = this.#before.map((shorter) => this.#numberOf(shorter, last));
      runs.forEach((run, shorter) => (this.#latest[run] = this.#text.length - 1 - shorter));
      this.#before = [noTokens, ...runs].slice(0, this.#longestMatch);
    }
    this.#text.push(token);
  }

  #numberOf(shorter: number, token: number): number {
    const key = shorter * manyIds + token;
    const known = this.#runs.get(key);
    if (known !== undefined) return known;
    const made = this.#runs.size + 1;
    this.#runs.set(key, made);
    return made;
  }

  /** Begins anew with what may still be found. */
  #forget(): void {
    const kept = this.#text.slice(-this.#lookBack);
    this.#forgotten += this.#text.length - kept.length;
    this.#text = [];
    this.#runs = new Map();
    this.#latest = [];
    this.#before = [noTokens];
    for (const token of kept) this.#read(token);
  }
}
