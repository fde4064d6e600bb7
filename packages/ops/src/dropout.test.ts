import { CpuDevice, fromHost, ones, randomKey, read, trace } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { attention } from './attention.ts';
import { dropout } from './dropout.ts';
import { draws } from './gradient-check.test-support.ts';

const size = 200_000;

/** How often each of the values that dropout gives for 1 is there. */
async function dropped(probability: number, seed: number): Promise<{ values: number[]; kept: number }> {
  const y = await read(dropout(ones([size]), { probability, key: randomKey(seed) }));
  return { values: [...new Set(y)].toSorted((a, b) => a - b), kept: y.filter((value) => value !== 0).length / size };
}

test.each([0.1, 0.5, 0.9])('of many elements a part of %f is dropped, and the mean stays', async (probability) => {
  for (const seed of [1, 2]) {
    const { values, kept } = await dropped(probability, seed);
    expect(values).toHaveLength(2);
    expect(values[0]).toBe(0);
    expect(values[1]).toBeCloseTo(1 / (1 - probability), 6);
    // Five standard deviations of a count of independent draws, whose variance is n p (1 − p).
    expect(Math.abs(kept - (1 - probability))).toBeLessThan(5 * Math.sqrt((probability * (1 - probability)) / size));
  }
});

test('neighbours are dropped independently, and the variance is that of independent draws', async () => {
  const p = 0.3;
  const y = Array.from(await read(dropout(ones([size]), { probability: p, key: randomKey(5) })));
  const mean = y.reduce((sum, value) => sum + value, 0) / size;
  const variance = y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / size;
  expect(variance).toBeCloseTo(p / (1 - p), 2);
  for (const distance of [1, 2, 64]) {
    let product = 0;
    for (let i = 0; i + distance < size; i++) product += (y[i]! - mean) * (y[i + distance]! - mean);
    expect(Math.abs(product / size / variance)).toBeLessThan(5 / Math.sqrt(size));
  }
});

test('one key drops the same elements, at any precision; another key drops others', async () => {
  const x = draws([40, 25]);
  const mask = async (seed: number, device = new CpuDevice()): Promise<boolean[]> => {
    const program = device.prepare(
      trace((value) => [dropout(value!, { probability: 0.7, key: randomKey(seed) })], [x]),
    );
    return Array.from(await device.read(program.run([x])[0]!), (value) => value === 0);
  };
  const first = await mask(3);
  expect(await mask(3, new CpuDevice({ precision: 'f64' }))).toEqual(first);
  expect(await mask(4)).not.toEqual(first);
});

test('nothing is dropped at 0, and everything at 1', async () => {
  const x = draws([3, 4]);
  expect(dropout(x, { probability: 0, key: randomKey(1) })).toBe(x);
  expect([...(await read(dropout(x, { probability: 1, key: randomKey(1) })))]).toEqual(new Array(12).fill(0));
});

const places = (shape: readonly number[]): Tensor =>
  fromHost(
    Int32Array.from({ length: shape[0]! * shape[1]! }, (_, i) => i % shape[1]!),
    shape,
  );

const call = (B: number, n: number, H: number): Parameters<typeof attention>[0] => ({
  q: draws([B, n, H, 4], 1),
  k: draws([B, n, H, 4], 2),
  v: ones([B, n, H, 2]),
  queryPositions: places([B, n]),
  keyPositions: places([B, n]),
});

test('attention drops weights after softmax: their sum is 1 on average, and heads and rows drop others', async () => {
  const [B, n, H] = [8, 24, 8];
  const o = await read(attention({ ...call(B, n, H), dropout: { probability: 0.25, key: randomKey(2) } }));
  const sums = Array.from({ length: B * n * H }, (_, i) => o[2 * i]!);
  expect(sums.reduce((total, value) => total + value, 0) / sums.length).toBeCloseTo(1, 1);
  // The first query sees one key: its weight is 0 or 4/3. All combinations of rows and heads draw by themselves.
  const first = sums.filter((_, i) => Math.floor(i / H) % n === 0).map((value) => value.toFixed(4));
  expect(new Set(first)).toEqual(new Set(['0.0000', '1.3333']));
  const without = await read(attention(call(B, n, H)));
  expect([...without].every((value) => Math.abs(value - 1) < 1e-5)).toBe(true);
});

test('attention without dropout, or with none, records the one op', () => {
  const ids = (probability?: number): string[] => {
    const given = call(1, 3, 2);
    const key = randomKey(1);
    const graph = trace(
      (q) => [attention({ ...given, q: q!, ...(probability !== undefined && { dropout: { probability, key } }) })],
      [given.q],
    );
    return graph.nodes.map(({ op }) => op.id);
  };
  expect(ids(0)).toEqual(ids());
  expect(ids()).toContain('@tessera/ops:attention');
  expect(ids(0.1)).not.toContain('@tessera/ops:attention');
});

test('what does not fit is refused with dropout as without', () => {
  const given = { ...call(1, 3, 2), v: ones([1, 4, 2, 2]) };
  const dropped_ = { probability: 0.1, key: randomKey(1) };
  expect(() => attention({ ...given, dropout: dropped_ })).toThrow(/^attention: q \[1, 3, 2, 4\]/);
});
