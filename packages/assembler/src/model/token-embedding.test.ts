import { crossEntropy } from '@tessera/ops';
import type { ModelSpec } from '@tessera/plugin';
import { fillTree, fromHost, gradOf, mean, trace, treeEntries, treeLeaves, zeros } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { assembler, smallSpec } from '../test-models.test-data.ts';

const [ids, targets] = [
  [5, 3, 3, 7, 3, 9],
  [3, 3, 7, 3, 9, 1],
];
const D = smallSpec.dModel;

/** Logits of a short text, and the gradients of its loss by path. */
async function run(change: Partial<ModelSpec>): Promise<{ logits: Float32Array; by: Map<string, Float32Array> }> {
  await using model = await assembler.assemble({ ...smallSpec, ...change }, { seed: 1, device: 'cpu' });
  const { params, device, graph } = model;
  const row = (list: readonly number[]) => fromHost(Int32Array.from(list), [1, list.length]);
  const batch = { tokens: row(ids), starts: zeros([1], 'i32'), lengths: fromHost(Int32Array.of(ids.length), [1]) };
  const traced = trace((...weights) => {
    const given = fillTree(params, weights);
    const loss = mean(crossEntropy(graph.forward(given, batch).logits, row(targets)));
    return treeLeaves(gradOf(loss, given));
  }, treeLeaves(params));
  const made = (await device.compile(traced)).run(treeLeaves(params));
  const read = await Promise.all(made.map(async (each) => (await device.read(each)) as Float32Array));
  const by = new Map(treeEntries(params).map(([path], index) => [path, read[index]!]));
  return { logits: (await model.forward([ids])).logits, by };
}

const rowOf = (table: Float32Array, token: number): number[] => [...table.subarray(token * D, (token + 1) * D)];

test('the row of the padding has no gradient from being read, and all else is as it was', async () => {
  const [plain, padded] = [await run({}), await run({ embedding: { paddingId: 3 } })];
  expect(padded.logits).toEqual(plain.logits);
  const name = 'embedding.weight';
  expect(rowOf(padded.by.get(name)!, 3)).toEqual(new Array<number>(D).fill(0));
  expect(rowOf(plain.by.get(name)!, 3)).not.toContain(0);
  for (const token of [5, 7, 9]) expect(rowOf(padded.by.get(name)!, token)).toEqual(rowOf(plain.by.get(name)!, token));
  const others = ({ by }: typeof plain): unknown[] => [...by].filter(([path]) => path !== name);
  expect(others(padded)).toEqual(others(plain));
});

test('a tied output map teaches that row all the same', async () => {
  const { by } = await run({ head: { tied: true }, embedding: { paddingId: 3 } });
  expect(rowOf(by.get('embedding.weight')!, 3)).not.toContain(0);
});
