import { chosenIds } from '@tessera/sampling';
import { FeatureUnavailableError } from '@tessera/tensor-core';
import type { HostArray } from '@tessera/tensor-core';

/** What {@link Choices} is made of. */
export interface ChoicesCall {
  /** Starts a step and the reading back of what it chose, `[B, 3]`, in one turn. */
  step(): Promise<HostArray>;
  /** Steps at most. */
  readonly most: number;
  /** Steps that are under way at once. */
  readonly atOnce: number;
  readonly vocabSize: number;
  /** Frees what the steps hold. */
  free(): void;
}

/**
 * Tokens that a device chooses, each fed to the next step there. While one is awaited the step after it is already under
 * way, so that the device does not wait for the host; never more than that one is computed in vain.
 */
export class Choices {
  readonly #call: ChoicesCall;
  readonly #underWay: Promise<HostArray>[] = [];
  #started = 0;
  #freed = false;

  constructor(call: ChoicesCall) {
    this.#call = call;
  }

  /**
   * The next token of each row. One call at a time.
   * @throws {@link NumericalError} when the model gives NaN; names the step
   * @throws {@link DeviceLostError} when the device is lost
   * @throws {@link FeatureUnavailableError} after the last step, and after disposal
   */
  async next(): Promise<number[]> {
    const { most, atOnce, vocabSize } = this.#call;
    if (this.#freed) throw new FeatureUnavailableError('choices: they were disposed. Begin new ones.');
    while (this.#underWay.length < atOnce && this.#started < most) this.#start();
    const oldest = this.#underWay.shift();
    if (!oldest)
      throw new FeatureUnavailableError(`choices: all ${most} were made. Ask for as many as are needed.`, {
        facts: { most },
      });
    return chosenIds(await oldest, vocabSize);
  }

  /** Ends the choices. What is under way is not waited for. Idempotent. */
  dispose(): void {
    if (this.#freed) return;
    this.#freed = true;
    this.#call.free();
  }

  /** As {@link Choices.dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #start(): void {
    this.#started++;
    const reading = this.#call.step();
    reading.catch(() => {}); // Who asks for it is told; perhaps nobody does.
    this.#underWay.push(reading);
  }
}
