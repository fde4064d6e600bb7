import { threefry } from '@tessera/tensor-core';
import type { Key } from '../seed-key.ts';

const rounds = 8;

/**
 * A permutation of 0 … n − 1 as a function: place `i` of the shuffled order holds `permute(i)`. Nothing is stored and every place costs the same, so that a
 * shuffled order can be entered anywhere.
 *
 * A balanced Feistel network of eight rounds of threefry permutes a domain of 4ᵏ numbers; those that fall outside go through again until they are inside.
 * @see Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains".
 */
export function permutation(n: number, key: Key): (place: number) => number {
  let half = 16; // at least 256 numbers, since halves of a bit or two have few permutations
  while (half * half < n) half *= 2;
  const once = (x: number): number => {
    let left = Math.floor(x / half);
    let right = x % half;
    for (let round = 0; round < rounds; round++)
      [left, right] = [right, (left ^ (threefry(key[0], key[1], right, round)[0] % half)) >>> 0];
    return left * half + right;
  };
  return (place) => {
    let x = once(place);
    while (x >= n) x = once(x);
    return x;
  };
}
