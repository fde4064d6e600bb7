import type { AnyMixer } from '@tessera/plugin';
import { decodingOf } from '@tessera/plugin';
import { expect, test } from 'vitest';
import { mixerLaws } from './mixer-laws.ts';
import { stackMixers } from './stack-mixers.ts';
import { growingCache } from './trial/growing-cache.ts';
import { cacheReader } from './trial/cache-reader.ts';
import { cacheWriter } from './trial/cache-writer.ts';
import { testTimeTraining } from './trial/test-time-training.ts';
import { wholeSequenceEncoder } from './trial/whole-sequence-encoder.ts';

test('a layer that gives a memory on and does not take trees is refused by name', async () => {
  const decoding = { ...(cacheWriter as AnyMixer).decoding!, trees: false };
  const writer = { mixer: { ...cacheWriter, decoding } as AnyMixer, config: {} };
  const laws = mixerLaws({ mixer: stackMixers([writer, cacheReader({})]), config: {}, dModel: 12 });
  const tree = laws.find(({ name }) => name === 'a node of a tree gives what a chain along its path gives')!;
  await expect(tree.run()).rejects.toThrow(
    /^@tessera\/plugin-testing:cache-writer gives the memory '\w+' to later layers and does not take trees/,
  );
});

test('a stack has the parameters of its layers by number, and grows like the one that grows fastest', () => {
  const stack = stackMixers([testTimeTraining({ chunk: 2 }), growingCache({})]);
  const site = { config: {}, dModel: 4, layer: 0, layers: 1 };
  expect(Object.keys(stack.params(site))).toEqual(expect.arrayContaining(['0.W0', '1.q_proj']));
  const memory = decodingOf(stack).memory({ ...site, batch: 1, capacity: 8, chunk: 2 });
  expect(memory).toEqual({ growth: 'linear', bytes: 4 * (2 * 5 * 4 + 1) + 4 * (2 * 8 * 4 + 8 + 1) });
});

test('a stack with a layer that cannot decode cannot either', () => {
  expect(stackMixers([growingCache({}), wholeSequenceEncoder({})]).decoding).toBeUndefined();
});
