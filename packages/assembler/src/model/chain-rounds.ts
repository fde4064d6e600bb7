import { chosenIds } from '@tessera/sampling';
import type { HostArray } from '@tessera/tensor-core';

/** What {@link ChainRounds} are made of. */
export interface ChainRoundsCall {
  /** Runs a round and reads its result back in one turn, `[B, 2 n + 1]`. */
  run(tokens: readonly (readonly number[])[]): Promise<{ readonly data: HostArray; readonly n: number }>;
  /** Compiles rounds over so many tokens a row. */
  prepare(tokens: number): Promise<void>;
  readonly vocabSize: number;
  /** Tokens that each row had before. */
  readonly steps: readonly number[];
  free(): void;
}

/** Rounds in which a device reads what is proposed, chooses after each token, and keeps what is as it chose: one submit each. */
export class ChainRounds {
  readonly #call: ChainRoundsCall;
  readonly #steps: number[];
  #freed = false;

  constructor(call: ChainRoundsCall) {
    this.#call = call;
    this.#steps = [...call.steps];
  }

  /**
   * Verifies what is proposed after the last token of each row. One call at a time.
   * @param rows - the last token, which was not read, and the proposed ones; none: the row rests
   * @returns what was chosen, one token more than stayed of each draft
   * @throws {@link NumericalError} when the model gives NaN; names the step
   */
  async round(rows: readonly (readonly number[])[]): Promise<readonly (readonly number[])[]> {
    const { data, n } = await this.#call.run(rows);
    return rows.map((row, b) => {
      if (row.length === 0) return [];
      const result = data.subarray(b * (2 * n + 1), (b + 1) * (2 * n + 1));
      const made = result[2 * n]! + 1;
      const choices = Array.from({ length: made }, (_, i) => [result[i]!, result[n + i]!, this.#steps[b]! + i + 1]);
      this.#steps[b]! += made;
      return chosenIds(choices.flat(), this.#call.vocabSize);
    });
  }

  /**
   * Compiles the round over so many tokens a row, so that what cannot be is refused before anything is read.
   * @throws {@link UnsupportedOptionError} when there is no room to take so many back
   */
  prepare(tokens: number): Promise<void> {
    return this.#call.prepare(tokens);
  }

  /** Ends the rounds. Idempotent. */
  dispose(): void {
    if (!this.#freed) this.#call.free();
    this.#freed = true;
  }

  /** As {@link ChainRounds.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
