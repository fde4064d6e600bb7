import { add, or, shiftLeft, shiftRight, xor } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';

const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/**
 * First word of threefry2x32-20 of the counter (`counter`, 0) under the key (`key0`, `key1`), element by element, all u32:
 * the number that `uniformOf` begins with.
 * @see Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3".
 */
export function threefryWord(key0: Tensor, key1: Tensor, counter: Tensor): Tensor {
  const keys = [key0, key1, xor(xor(key0, key1), 0x1bd1_1bda)];
  let x0 = add(counter, key0);
  let x1 = key1;
  for (let round = 0; round < 20; round++) {
    const r = rotations[round % 8]!;
    x0 = add(x0, x1);
    x1 = xor(or(shiftLeft(x1, r), shiftRight(x1, 32 - r)), x0);
    if (round % 4 !== 3) continue;
    const turn = (round + 1) / 4;
    x0 = add(x0, keys[turn % 3]!);
    x1 = add(x1, add(keys[(turn + 1) % 3]!, turn));
  }
  return x0;
}
