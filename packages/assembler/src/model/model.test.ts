import { expect, test } from 'vitest';
import { CpuDevice } from '@tessera/tensor-core';
import { assembler, caseDirectory, hybridModel, hybridSpec, someIds } from '../test-models.test-data.ts';

const V = hybridSpec.vocabSize;

test('the loss is the cross-entropy of the logits of forward', async () => {
  await using model = await hybridModel();
  const rows = [someIds(9, V, 1), someIds(9, V, 2)];
  const loss = await model.lossOf(rows);
  const { logits, shape } = await model.forward(rows.map((row) => row.slice(0, -1)));
  expect(shape).toEqual([2, 8, V]);
  expect(loss).toHaveLength(16);
  loss.forEach((value, index) => {
    const own = Array.from(logits.subarray(index * V, (index + 1) * V));
    const target = rows[Math.floor(index / 8)]![(index % 8) + 1]!;
    const total = Math.log(own.reduce((sum, logit) => sum + Math.exp(logit), 0));
    expect(value).toBeCloseTo(total - own[target]!, 4);
  });
});

test('rows of a batch do not see each other', async () => {
  await using model = await hybridModel();
  const rows = [someIds(7, V, 1), someIds(7, V, 2)];
  const both = (await model.forward(rows)).logits;
  const second = (await model.forward([rows[1]!])).logits;
  expect(both.subarray(7 * V)).toEqual(second);
});

test('taps are the residual stream before a layer, and after the last one', async () => {
  await using model = await hybridModel();
  const ids = someIds(4, V);
  const { taps } = await model.forward([ids], { taps: [0, 2, 4] });
  expect([...taps.keys()]).toEqual([0, 2, 4]);
  const embedding = await model.device.read(model.params['embedding.weight']!);
  const D = hybridSpec.dModel;
  expect(Array.from(taps.get(0)!.subarray(D, 2 * D))).toEqual(
    Array.from(embedding.slice(ids[1]! * D, (ids[1]! + 1) * D)),
  );
  expect(taps.get(4)).not.toEqual(taps.get(2));
  await expect(model.forward([ids], { taps: [5] })).rejects.toThrow(
    'taps: there is no layer 5. Layers are numbered from 0.',
  );
  // A form of call that fails does not spoil the others.
  await expect(model.forward([ids])).resolves.toMatchObject({ shape: [1, 4, V] });
});

test('rows that cannot be run are refused', async () => {
  await using model = await hybridModel();
  await expect(model.forward([[1, 2], [3]])).rejects.toThrow('rows have 2, 1 tokens. Give them one length.');
  await expect(model.forward([])).rejects.toThrow('0 rows of 0 tokens, expected at least 1 row and 1 token in each.');
  await expect(model.lossOf([[1]])).rejects.toThrow(
    '1 rows of 1 tokens, expected at least 1 row and 2 tokens in each.',
  );
  await expect(model.forward([[1, -1]])).rejects.toThrow(
    'row 0: token 1 has id -1, and the vocabulary has ids 0 to 39.',
  );
  await expect(
    model.lossOf([
      [1, 2],
      [1, V],
    ]),
  ).rejects.toThrow('row 1: token 1 has id 40');
});

test('many forms of call at once disturb each other as little as one after another', async () => {
  const device = new CpuDevice();
  await using model = await assembler.assemble(hybridSpec, { device, seed: 1 });
  const before = device.allocatedBytes;
  const rows = Array.from({ length: 12 }, (_, index) => someIds(index + 1, V, index));
  const together = await Promise.all(rows.map((row) => model.forward([row])));
  for (const [index, row] of rows.entries())
    expect(together[index]!.logits).toEqual((await model.forward([row])).logits);
  expect(device.allocatedBytes).toBe(before);
});

test('multipliers, soft caps and a bias of the head act on the logits', async () => {
  const ids = [someIds(5, V)];
  const logitsOf = async (changes: object): Promise<Float32Array> => {
    await using model = await assembler.assemble({ ...hybridSpec, ...changes }, { seed: 5 });
    return (await model.forward(ids)).logits;
  };
  const plain = await logitsOf({});
  const doubled = await logitsOf({ head: { multiplier: 2 } });
  const capped = await logitsOf({ head: { softCap: 1.5 } });
  plain.forEach((value, index) => {
    expect(doubled[index]).toBeCloseTo(2 * value, 5);
    expect(capped[index]).toBeCloseTo(1.5 * Math.tanh(value / 1.5), 5);
  });
  expect(await logitsOf({ head: { bias: true } })).toEqual(plain); // zeros at first
  expect(await logitsOf({ embedding: { multiplier: 3 } })).not.toEqual(plain);
  expect(await logitsOf({ head: { tied: true } })).not.toEqual(plain);
});

test('a model tells what it is made of', async () => {
  await using model = await assembler.load(caseDirectory('llama-full'));
  expect(model.config).toMatchObject({ model_type: 'llama' });
  expect(model.generationConfig).toMatchObject({ eos_token_id: 2 });
  expect(model.text).toBeUndefined();
  expect(model.spec.layers).toHaveLength(model.graph.resolved.layers.length);
  expect(model.contextLength).toBe(model.spec.maxPositions);
  expect(model.loadMs).toBeGreaterThan(0);
});
