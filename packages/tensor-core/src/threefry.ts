const rotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;

/**
 * Threefry-2x32 with 20 rounds: a bijection of two 32-bit words under a key of two.
 * @see Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3".
 */
export function threefry(key0: number, key1: number, counter0: number, counter1: number): [number, number] {
  const keys = [key0, key1, key0 ^ key1 ^ 0x1bd11bda];
  let x0 = (counter0 + key0) | 0;
  let x1 = (counter1 + key1) | 0;
  for (let round = 0; round < 20; round++) {
    const r = rotations[round % 8]!;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << r) | (x1 >>> (32 - r))) ^ x0;
    if (round % 4 === 3) {
      const turn = (round + 1) / 4;
      x0 = (x0 + keys[turn % 3]!) | 0;
      x1 = (x1 + keys[(turn + 1) % 3]! + turn) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}
