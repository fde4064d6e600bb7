import type { MixerUse } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import { iota, randomKey } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { contextualMemory } from './contextual/contextual-memory.ts';
import { drawn, drawnParams, rowsOf, whole } from './layer.test-support.ts';
import { persistentMemory } from './persistent/persistent-memory.ts';

const [D, T] = [6, 5];

function run({ mixer, config }: MixerUse, random?: Tensor): Promise<number[][]> {
  const { y } = mixer.forward({
    params: drawnParams({ mixer, config }, D),
    config: validate<object>(mixer.config, config, 'config'),
    x: drawn('x', [1, T, D]),
    positions: iota([1, T], 1),
    starts: whole([0]),
    lengths: whole([T]),
    ...(random && { random, training: true }),
  });
  return rowsOf(y);
}

test.each([
  ['contextual', (dropout: number) => contextualMemory({ heads: 1, dropout })],
  ['persistent', (dropout: number) => persistentMemory({ heads: 1, slots: 3, dropout })],
] as const)('in training a %s memory leaves weights out, and scales those that stay', async (_, use) => {
  const key = randomKey(3);
  const [plain, dropped, again] = [await run(use(0.5)), await run(use(0.5), key), await run(use(0.5), key)];
  expect(again).toEqual(dropped);
  expect(dropped).not.toEqual(plain);
  expect(await run(use(0), key)).toEqual(plain);
  // Over many keys it comes to the same.
  const runs = await Promise.all(Array.from({ length: 200 }, (__, seed) => run(use(0.5), randomKey(seed))));
  const mean = runs.reduce((total, y) => total + y[T - 1]![0]!, 0) / runs.length;
  const spread = Math.sqrt(runs.reduce((total, y) => total + (y[T - 1]![0]! - mean) ** 2, 0)) / runs.length;
  expect(Math.abs(mean - plain[T - 1]![0]!)).toBeLessThan(5 * spread);
});
