import type { NestedNumbers } from '@tessera/tensor-core';

/** Numbers in [low, high), the same at every run, that single precision holds. */
export function draw(shape: readonly number[], seed: number, low = -1, high = 1): NestedNumbers[] {
  let state = seed * 7919 + 17;
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.fround(low + (state / 2_147_483_647) * (high - low));
  };
  const nested = ([extent, ...rest]: readonly number[]): NestedNumbers[] =>
    Array.from({ length: extent! }, () => (rest.length === 0 ? next() : nested(rest)));
  return nested(shape);
}
