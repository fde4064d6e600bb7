import { threefry } from '@tessera/tensor-core';

/** Random numbers of a key, one after another. */
export interface Draw {
  /** A whole number from 0 to n − 1. */
  below(n: number): number;
  /** From 0 up to 1. */
  unit(): number;
}

/** Numbers of a key; the same on every machine. */
export function drawOf([key0, key1]: readonly [number, number]): Draw {
  let count = 0;
  const bits = (): number => threefry(key0, key1, count++, 0)[0];
  return { below: (n) => bits() % n, unit: () => bits() / 2 ** 32 };
}
