import { describeMixer } from '@tessera/plugin-testing';
import { fromHost, read, tensor, zeros } from '@tessera/tensor-core';
import { describe, expect, test, vi } from 'vitest';
import { plugin, successorMemory } from './successor-memory.ts';

describe('one memory', () => {
  describeMixer(successorMemory, { heads: 1, headDim: 4 }, 12, { test, segments: false });
});

// #region laws
describe('several memories', () => {
  describeMixer(successorMemory, { heads: 2, headDim: 3 }, 12, { test, segments: false });
});
// #endregion laws

/** Plain loops over t, for one head and one row. */
function loops(q: number[][], k: number[][], v: number[][], keep: number[]): number[][] {
  const K = q[0]!.length;
  const each = <T>(one: (i: number) => T): T[] => Array.from({ length: K }, (_, i) => one(i));
  const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
  let S = each(() => each(() => 0));
  const times = (row: readonly number[]): number[] =>
    each((j) => each((i) => row[i]! * S[i]![j]!).reduce((a, b) => a + b));
  let last = each(() => 0);
  return q.map((_, t) => {
    const expected = times(last);
    const wrong = each((j) => v[t]![j]! - expected[j]!);
    const surprise = dot(wrong, wrong) / (dot(v[t]!, v[t]!) + dot(expected, expected) + 1e-6);
    S = each((i) => each((j) => keep[t]! * S[i]![j]! + surprise * last[i]! * v[t]![j]!));
    last = k[t]!;
    return times(q[t]!);
  });
}

/** Output for words of two, three… as their own queries and keys, with values of their own, `keep` = σ(bias). */
async function answers(words: readonly number[], bias: number): Promise<number[][]> {
  const T = words.length;
  // Inputs: a one-hot key in channels 0–3 and a one-hot value in 4–7, so that each map is a selection.
  const x = words.map((word) => Array.from({ length: 8 }, (_, c) => (c === word || c === 4 + word ? 1 : 0)));
  const select = (from: number): number[][] =>
    Array.from({ length: 4 }, (_, i) => Array.from({ length: 8 }, (__, c) => (c === from + i ? 1 : 0)));
  const { y } = successorMemory.forward({
    params: {
      qkv_proj: tensor([...select(0), ...select(0), ...select(4)]),
      keep_proj: zeros([1, 8]),
      keep_bias: tensor([bias]),
      o_proj: tensor(select(0)[0]!.map((_, c) => select(0).map((row) => row[c]!))),
    },
    config: { heads: 1, headDim: 4 },
    x: tensor([x]),
    positions: fromHost(Int32Array.from(words.keys()), [1, T], 'i32'),
    starts: zeros([1], 'i32'),
    lengths: fromHost(Int32Array.of(T), [1], 'i32'),
  });
  const data = await read(y);
  return words.map((_, t) => Array.from(data.slice(8 * t, 8 * t + 4)));
}

test('it answers with what followed the same key before', async () => {
  const out = await answers([0, 1, 2, 0], 20);
  expect(out[0]).toEqual([0, 0, 0, 0]);
  expect(out[3]![1]).toBeCloseTo(1, 5); // after 0 came 1
});

test('what it expects is written no more', async () => {
  const out = await answers([0, 1, 0, 1, 0, 1, 0], 20);
  expect(out[2]![1]).toBeCloseTo(1, 5);
  expect(out[6]![1]).toBeCloseTo(1, 5); // without the surprise it would be 3
});

test('it agrees with plain loops', async () => {
  const words = [0, 1, 2, 0, 3, 0, 1, 1, 1, 2];
  const oneHot = words.map((word) => [0, 1, 2, 3].map((i) => (i === word ? 1 : 0)));
  const keep = words.map(() => 1 / (1 + Math.exp(-1)));
  const expected = loops(oneHot, oneHot, oneHot, keep);
  const out = await answers(words, 1);
  out.forEach((row, t) => row.forEach((value, i) => expect(value).toBeCloseTo(expected[t]![i]!, 4)));
});

test('a config with a setting that is not known is refused', () => {
  const result = successorMemory.config['~standard'].validate({ heads: 2, width: 3 });
  expect(result).toMatchObject({ issues: [{ message: 'is not known; known are heads, headDim', path: ['width'] }] });
});

test('the plugin offers it', () => {
  expect(plugin.mixers).toEqual([successorMemory]);
});

test.each([
  ['hybrid-stack', 'saved and loaded: the same tokens'],
  ['check-laws', 'holds: the memory is what it declares'],
])('the example %s runs', async (example, end) => {
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await import(`../examples/${example}.ts`);
  expect(log).toHaveBeenLastCalledWith(end);
  log.mockRestore();
});
