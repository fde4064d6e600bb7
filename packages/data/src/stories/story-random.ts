import { threefry } from '@tessera/tensor-core';
import type { Key } from '../seed-key.ts';

/** Choices of one story: whole numbers from counting, the same on every machine. */
export class StoryRandom {
  readonly #key: Key;
  #count = 0;

  constructor(key: Key) {
    this.#key = key;
  }

  /** A whole number from 0 to `n` − 1. */
  below(n: number): number {
    return threefry(this.#key[0], this.#key[1], this.#count++, 0)[0] % n;
  }

  /** One of a list. */
  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)]!;
  }

  /** Different ones of a list, in a drawn order. */
  pickSome<Value>(values: readonly Value[], count: number): Value[] {
    const left = [...values];
    return Array.from({ length: count }, () => left.splice(this.below(left.length), 1)[0]!);
  }
}
