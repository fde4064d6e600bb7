import { CpuDevice } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { assembler, hybridModel, hybridSpec, largestDifference, someIds } from '../test-models.test-data.ts';
import type { Model } from './model.ts';

const V = hybridSpec.vocabSize;

/** Logits of the last position by forward. */
async function lastOf(model: Model, ids: readonly number[]): Promise<Float32Array> {
  const { logits } = await model.forward([ids]);
  return logits.subarray(logits.length - V);
}

// Steps have 128, 32, 8 and 1 entries; the lengths lie on both sides of each, and of half of each.
test.each([1, 2, 3, 4, 5, 8, 9, 15, 16, 33, 63, 64, 127, 128, 129, 200])(
  'a prompt of %i tokens gives the logits of forward',
  async (length) => {
    await using model = await hybridModel();
    const ids = someIds(length, V);
    using session = await model.session();
    const logits = await session.feed([ids]);
    expect(largestDifference(logits, await lastOf(model, ids))).toBeLessThan(1e-4);
    expect(session.length).toBe(length);
  },
);

test('token by token gives the logits of forward', async () => {
  await using model = await hybridModel();
  const ids = someIds(12, V);
  const { logits } = await model.forward([ids]);
  using session = await model.session({ capacity: 12 });
  for (const [index, id] of ids.entries())
    expect(largestDifference(await session.feed([[id]]), logits.subarray(index * V, (index + 1) * V))).toBeLessThan(
      1e-4,
    );
});

test('rows of different lengths are what each row alone is, in the prompt and after it', async () => {
  await using model = await hybridModel();
  const rows = [someIds(40, V, 1), someIds(3, V, 2), someIds(131, V, 3)];
  using session = await model.session({ batch: 3 });
  const expectRows = async (logits: Float32Array): Promise<void> => {
    for (const [b, row] of rows.entries())
      expect(largestDifference(logits.subarray(b * V, (b + 1) * V), await lastOf(model, row))).toBeLessThan(1e-4);
  };
  await expectRows(await session.feed(rows));
  for (const more of [
    [[1], [2], [3]],
    [[4, 5, 6], [7], [8, 9]],
  ]) {
    const logits = await session.feed(more);
    more.forEach((ids, b) => rows[b]!.push(...ids));
    await expectRows(logits);
  }
});

test('a row that rests stays as it is, and its logits are zeros', async () => {
  await using model = await hybridModel();
  using session = await model.session({ batch: 2 });
  await session.feed([[1, 2, 3], [4]]);
  const logits = await session.feed([[5], []]);
  expect(logits.subarray(V).every((value) => value === 0)).toBe(true);
  const after = await session.feed([[], [6, 7]]);
  expect(largestDifference(after.subarray(V), await lastOf(model, [4, 6, 7]))).toBeLessThan(1e-4);
  expect((await session.feed([[], []])).every((value) => value === 0)).toBe(true);
  expect(session.length).toBe(4);
});

test('room to spare changes nothing', async () => {
  await using model = await hybridModel();
  const ids = someIds(20, V);
  using tight = await model.session({ capacity: 20 });
  using wide = await model.session({ capacity: 256 });
  expect(largestDifference(await tight.feed([ids]), await wide.feed([ids]))).toBeLessThan(1e-5);
});

test('more positions than a session holds are refused, each row for itself', async () => {
  await using model = await hybridModel();
  using session = await model.session({ batch: 2, capacity: 5 });
  await session.feed([[1, 2, 3, 4], [1]]);
  await session.feed([[], [2, 3, 4]]); // the rows have 4 positions each, though their longest parts have 7
  await expect(session.feed([[5, 6], [5]])).rejects.toMatchObject({
    code: 'CONTEXT_OVERFLOW',
    message: "6 positions do not fit the session's 5. Open it with a larger capacity.",
    facts: { row: 0, positions: 6, capacity: 5 },
  });
  await session.feed([[5], [5]]);
  expect(session.length).toBe(5);
});

test('rows that do not fit the session are refused', async () => {
  await using model = await hybridModel();
  using session = await model.session({ batch: 2 });
  await expect(session.feed([[1]])).rejects.toThrow('feed: 1 rows, and the session has 2. Give [] to rows that rest.');
  await expect(session.feed([[1], [V]])).rejects.toThrow(
    'feed, row 1: token 0 has id 40, and the vocabulary has ids 0 to 39.',
  );
  await expect(model.session({ batch: 0 })).rejects.toThrow('session: batch is 0, expected a whole number from 1.');
  await expect(model.session({ capacity: 1.5 })).rejects.toThrow(
    'session: capacity is 1.5, expected a whole number from 1.',
  );
});

test('an abort between two steps leaves what was read, and the session goes on from there', async () => {
  await using model = await hybridModel();
  const ids = someIds(140, V);
  using session = await model.session();
  const controller = new AbortController();
  const reason = new Error('no longer wanted');
  const pause = (): Promise<void> => Promise.resolve(controller.abort(reason));
  await expect(session.feed([ids], { signal: controller.signal, pause })).rejects.toBe(reason);
  expect(session.length).toBe(128);
  const logits = await session.feed([ids.slice(128)]);
  expect(largestDifference(logits, await lastOf(model, ids))).toBeLessThan(1e-4);
});

test('a session takes the same memory however much it reads, and frees it', async () => {
  const device = new CpuDevice();
  await using model = await assembler.assemble(hybridSpec, { device });
  const before = device.allocatedBytes;
  const session = await model.session({ batch: 2, capacity: 64 });
  const during = device.allocatedBytes;
  expect(during - before).toBe(session.stateBytes);
  await session.feed([someIds(50, V), someIds(9, V)]);
  expect(device.allocatedBytes).toBe(during);
  session.dispose();
  session.dispose();
  expect(device.allocatedBytes).toBe(before);
  await expect(session.feed([[1], [1]])).rejects.toThrow('The session was disposed. Open another one.');
});

test('a stack with an encoder runs forward and opens no session', async () => {
  const mixer = { type: '@tessera/attention-softmax:bidirectional-attention', config: { heads: 2 } };
  await using model = await assembler.assemble({ ...hybridSpec, layers: [{}, { mixer }] });
  expect(model.memory.stateBytes).toBeUndefined();
  expect((await model.forward([[1, 2, 3]])).logits).toHaveLength(3 * V);
  const message =
    'layers.1.mixer (@tessera/attention-softmax:bidirectional-attention) has no decoding: it looks at the whole sequence. The model can run forward, not generate.';
  await expect(model.session()).rejects.toThrow(message);
  await expect(model.generate([1, 2])).rejects.toThrow(message);
});
