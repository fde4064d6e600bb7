import { foldKey, threefry } from '@tessera/tensor-core';

/** Random numbers by counting: the same on every machine, and none depends on how many others were drawn elsewhere. */
export class Draw {
  readonly #key: readonly [number, number];
  #counter = 0;

  /** @param stream - streams of different names are independent */
  constructor(seed: number, stream: string) {
    let key: readonly [number, number] = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
    for (const letter of stream) key = foldKey(key, letter.codePointAt(0)!);
    this.#key = key;
  }

  /** Uniform in [0, 1). */
  uniform(): number {
    return (threefry(this.#key[0], this.#key[1], this.#counter++, 0)[0] >>> 8) * 2 ** -24;
  }

  /** Normal with mean 0 and variance 1. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** A whole number from `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + Math.floor(this.uniform() * (high - low + 1));
  }

  /** Many normal numbers. */
  normals(count: number, scale = 1): Float32Array {
    return Float32Array.from({ length: count }, () => scale * this.normal());
  }
}
