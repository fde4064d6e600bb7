import { attention } from '@tessera/ops';
import type { Tensor } from '@tessera/tensor-core';
import { CpuDevice, concat, fromHost, full, mul, pullBack, read, slice, sub, sum, zeros } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { numbers } from './layer-stream.test-support.ts';

const device = new CpuDevice({ precision: 'f64' });
const [B, n, S, H, G, d] = [2, 3, 5, 4, 2, 4];
const drawn = (shape: number[], seed: number, scale = 2): Tensor =>
  fromHost(
    numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ).map((value) => scale * value),
    shape,
  );
const counted = (rows: number, extent: number, first: number): Tensor =>
  fromHost(
    Int32Array.from({ length: rows * extent }, (_, i) => first + (i % extent)),
    [rows, extent],
  );
const call = {
  q: drawn([B, n, H, d], 1),
  k: drawn([B, S, G, d], 2),
  v: drawn([B, S, G, d], 3),
  queryPositions: counted(B, n, S - n),
  keyPositions: counted(B, S, 0),
};
const heads = (value: number): Tensor => full([H], value);
const values = async (tensor: Tensor): Promise<number[]> => Array.from(await read(tensor, device));
const furthest = async (a: Tensor, b: Tensor): Promise<number> => {
  const [x, y] = await Promise.all([values(a), values(b)]);
  return Math.max(...x.map((value, i) => Math.abs(value - y[i]!)));
};

describe('scores of one more key without a value', () => {
  test('streaming sinks 10.5: softmax off by one equals a key of zeros with a value of zeros', async () => {
    const padded = (x: Tensor): Tensor => concat([x, zeros([B, 1, G, d])], 1);
    const appended = attention({
      ...call,
      k: padded(call.k),
      v: padded(call.v),
      keyPositions: concat([call.keyPositions, counted(B, 1, 0)], 1),
    });
    expect(await furthest(attention({ ...call, sinkLogits: zeros([H]) }), appended)).toBeLessThan(1e-12);
    expect(await furthest(attention(call), appended)).toBeGreaterThan(1e-2);
  });

  test('streaming sinks 10.5: a logit of each head equals a column that is appended to the scores and dropped after the softmax', async () => {
    const b = numbers(H, 9).map((value) => 2 * value);
    const [q, k, v] = await Promise.all([values(call.q), values(call.k), values(call.v)]);
    const expected: number[] = [];
    for (let row = 0; row < B; row++)
      for (let i = 0; i < n; i++)
        for (let h = 0; h < H; h++) {
          const g = Math.floor((h * G) / H);
          const scores = Array.from({ length: S - n + i + 1 }, (_, s) => {
            let dot = 0;
            for (let e = 0; e < d; e++)
              dot += q[((row * n + i) * H + h) * d + e]! * k[((row * S + s) * G + g) * d + e]!;
            return dot / Math.sqrt(d);
          });
          const columns = [...scores, b[h]!];
          const top = Math.max(...columns);
          const weights = columns.map((score) => Math.exp(score - top));
          const mass = weights.reduce((total, weight) => total + weight, 0);
          for (let e = 0; e < d; e++)
            expected.push(
              scores.reduce((total, _, s) => total + (weights[s]! / mass) * v[((row * S + s) * G + g) * d + e]!, 0),
            );
        }
    const o = await values(attention({ ...call, sinkLogits: fromHost(b, [H]) }));
    expect(Math.max(...o.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-12);
  });

  test('streaming sinks 10.5: far below zero they are ordinary softmax, far above they leave nothing', async () => {
    expect(await furthest(attention({ ...call, sinkLogits: heads(-1e9) }), attention(call))).toBe(0);
    expect(await values(attention({ ...call, sinkLogits: heads(1e9) }))).toEqual(new Array(B * n * H * d).fill(0));
  });

  test('beside scores far below zero softmax off by one gives about nothing, not a row that is normalised', async () => {
    const low = { ...call, q: mul(call.q, 0), scale: 1 };
    const shifted = { ...low, q: full([B, n, H, d], 1), k: full([B, S, G, d], -100) };
    expect(Math.max(...(await values(attention({ ...shifted, sinkLogits: zeros([H]) }))).map(Math.abs))).toBeLessThan(
      1e-100,
    );
  });

  test('streaming sinks 10.7: have the gradient −Σ p_b (do · o), which finite differences confirm', async () => {
    const b = fromHost(numbers(H, 9), [H]);
    const cotangent = drawn([B, n, H, d], 4);
    const loss = (logits: Tensor): Tensor => sum(mul(attention({ ...call, sinkLogits: logits }), cotangent));
    const o = attention({ ...call, sinkLogits: b });
    const [gradient] = pullBack([o], [cotangent], [b]);
    const db = await values(gradient!);
    const step = 1e-5;
    for (let h = 0; h < H; h++) {
      const moved = (by: number): Tensor =>
        fromHost(
          numbers(H, 9).map((value, i) => (i === h ? value + by : value)),
          [H],
        );
      const [slope] = await values(sub(loss(moved(step)), loss(moved(-step))));
      expect(Math.abs(slope! / (2 * step) - db[h]!)).toBeLessThan(1e-8);
    }
    // p_b from the share that is missing when all values are 1.
    const ones = attention({ ...call, v: full([B, S, G, d], 1), sinkLogits: b });
    const share = await values(slice(ones, -1, 0, 1));
    const dots = await values(sum(mul(o, cotangent), { axis: -1 }));
    const expected = Array.from({ length: H }, (_, h) =>
      dots.reduce((total, dot, place) => total - (place % H === h ? (1 - share[place]!) * dot : 0), 0),
    );
    expect(Math.max(...db.map((value, h) => Math.abs(value - expected[h]!)))).toBeLessThan(1e-12);
  });
});
