import { l2Normalize, linearAttentionChunked, linearAttentionRecurrent } from '@tessera/ops';
import type { LinearAttentionCall } from '@tessera/ops';
import {
  CpuDevice,
  abs,
  fromHost,
  mul,
  neg,
  randomKey,
  randomNormal,
  read,
  sigmoid,
  slice,
  zeros,
} from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';

const device = new CpuDevice({ precision: 'f64' });
const [B, H, K, V] = [1, 2, 4, 3];

const values = async (x: Tensor): Promise<number[]> => [...(await read(x, device))];
const normals = (seed: number, shape: readonly number[]): Tensor => randomNormal(randomKey(seed), shape);

function largest(a: readonly number[], b: readonly number[]): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

const rules = (['none', 'scalar', 'vector'] as const).flatMap((decay) =>
  [false, true].map((delta) => [`${decay} decay, ${delta ? 'the delta rule' : 'values added'}`, decay, delta] as const),
);

/** Operands of T entries as layers make them. */
function operands(T: number, decay: 'none' | 'scalar' | 'vector', delta: boolean): LinearAttentionCall {
  return {
    q: normals(1, [B, T, H, K]),
    k: l2Normalize(normals(2, [B, T, H, K])),
    v: normals(3, [B, T, H, V]),
    S: normals(6, [B, H, K, V]),
    ...(decay !== 'none' && { g: neg(abs(normals(4, decay === 'scalar' ? [B, T, H] : [B, T, H, K]))) }),
    ...(delta && { beta: sigmoid(normals(5, [B, T, H])) }),
  };
}

/** The operands of entries `from` up to `to`, after a state. */
function entries(
  { S, ...call }: LinearAttentionCall,
  from: number,
  to: number,
  state: Tensor = S,
): LinearAttentionCall {
  const cut = Object.entries(call).flatMap(([name, x]) => (x ? [[name, slice(x as Tensor, 1, from, to)]] : []));
  return { ...(Object.fromEntries(cut) as Omit<LinearAttentionCall, 'S'>), S: state };
}

describe.each(rules)('%s', (_, decay, delta) => {
  test.each([1, 2, 16, 64])('linear attention 12.1: chunks of %i are one entry after another', async (C) => {
    for (const T of new Set([0, 1, C - 1, C, C + 1, 3 * C + 5])) {
      const call = operands(T, decay, delta);
      const [one, chunked] = [linearAttentionRecurrent(call), linearAttentionChunked(call, { chunk: C })];
      expect(largest(await values(chunked.o), await values(one.o)), `T = ${T}`).toBeLessThan(1e-10);
      expect(largest(await values(chunked.S), await values(one.S)), `state, T = ${T}`).toBeLessThan(1e-10);
    }
  });

  test('linear attention 12.1: a state handed on at every point is one pass', async () => {
    const T = 11;
    const call = operands(T, decay, delta);
    const [o, S] = await Promise.all(Object.values(linearAttentionRecurrent(call)).map(values));
    for (const form of [
      linearAttentionRecurrent,
      (given: LinearAttentionCall) => linearAttentionChunked(given, { chunk: 4 }),
    ])
      // prettier-ignore
      for (let cut = 0; cut <= T; cut++) {
        const first = form(entries(call, 0, cut));
        const second = form(entries(call, cut, T, first.S));
        expect(largest([...(await values(first.o)), ...(await values(second.o))], o!)).toBeLessThan(1e-10);
        expect(largest(await values(second.S), S!)).toBeLessThan(1e-10);
      }
  });
});

/** Rows of the identity as keys, each once: no key has anything in the memory before it is written. */
function orthonormal(keys: readonly number[]): Tensor {
  const data = Float64Array.from({ length: keys.length * K }, (_, i) => (i % K === keys[Math.floor(i / K)] ? 1 : 0));
  return fromHost(data, [1, keys.length, 1, K]);
}

test.each(['none', 'scalar', 'vector'] as const)(
  'linear attention 12.3: where the delta rule reads nothing it is a gate, decay %s',
  async (decay) => {
    const T = K;
    const { q, v, g } = operands(T, decay, true);
    const one = (x: Tensor): Tensor => slice(x, 2, 0, 1);
    const shared = { q: one(q), k: orthonormal([2, 0, 3, 1]), S: zeros([1, 1, K, V]), ...(g && { g: one(g) }) };
    const beta = sigmoid(normals(7, [1, T, 1]));
    const delta = linearAttentionRecurrent({ ...shared, v: one(v), beta });
    const written = mul(one(v), sigmoid(normals(7, [1, T, 1, 1])));
    const gate = linearAttentionRecurrent({ ...shared, v: written });
    expect(largest(await values(delta.o), await values(gate.o))).toBeLessThan(1e-12);
    expect(largest(await values(delta.S), await values(gate.S))).toBeLessThan(1e-12);
  },
);

test('linear attention 12.4: orthonormal keys at full strength give values back exactly, and a key written again has its new one', async () => {
  const keys = [0, 1, 2, 3, 1];
  const v = normals(11, [1, keys.length, 1, V]);
  const call = { q: orthonormal(keys), k: orthonormal(keys), v, beta: fromHost(new Float64Array(5).fill(1), [1, 5, 1]), S: normals(12, [1, 1, K, V]) }; // prettier-ignore
  const rows = await values(v);
  for (const form of [
    linearAttentionRecurrent,
    (given: LinearAttentionCall) => linearAttentionChunked(given, { chunk: 2 }),
  ]) {
    // prettier-ignore
    const { o, S } = form(call);
    expect(largest(await values(o), rows)).toBeLessThan(1e-14);
    const row = (t: number): number[] => rows.slice(t * V, (t + 1) * V);
    expect(largest(await values(S), [...row(0), ...row(4), ...row(2), ...row(3)])).toBeLessThan(1e-14);
  }
});

test('linear attention 12.10: at equal state the delta rule recalls pairs that plain sums mix up, as softmax does', async () => {
  // Pairs of a key and a value, of which some keys come again with another value: who asks wants the last.
  const [pairs, d, values_, trials] = [24, 16, 16, 40];
  const right = { plain: 0, delta: 0, softmax: 0, asked: 0 };
  for (let trial = 0; trial < trials; trial++) {
    const codes = await values(l2Normalize(normals(100 + trial, [1, pairs, 1, d])));
    const spins = await values(normals(1000 + trial, [2 * pairs]));
    const keyOf = Array.from({ length: pairs }, (_, t) => (t < 12 ? t : Math.floor(Math.abs(spins[t]!) * 1000) % 12));
    const valueOf = Array.from({ length: pairs }, (_, t) => Math.floor(Math.abs(spins[pairs + t]!) * 1000) % values_);
    const k = fromHost(Float64Array.from(keyOf.flatMap((key) => codes.slice(key * d, (key + 1) * d))), [
      1,
      pairs,
      1,
      d,
    ]);
    const v = fromHost(Float64Array.from(valueOf.flatMap((one) => Array.from({ length: values_ }, (_, i) => (i === one ? 1 : 0)))), [1, pairs, 1, values_]); // prettier-ignore
    const S = zeros([1, 1, d, values_]);
    const beta = fromHost(new Float64Array(pairs).fill(1), [1, pairs, 1]);
    const [plain, delta] = await Promise.all(
      [linearAttentionRecurrent({ q: k, k, v, S }), linearAttentionRecurrent({ q: k, k, v, S, beta })].map((made) => values(made.S)), // prettier-ignore
    );
    for (let key = 0; key < 12; key++) {
      const last = keyOf.lastIndexOf(key);
      const code = codes.slice(key * d, (key + 1) * d);
      const best = (scores: readonly number[]): number => scores.indexOf(Math.max(...scores));
      const readOut = (memory: readonly number[]): number[] =>
        Array.from({ length: values_ }, (_, i) => code.reduce((total, z, row) => total + z * memory[row * values_ + i]!, 0)); // prettier-ignore
      // The likeness of softmax, with what is later ahead where keys are the same, as positions let a layer tell.
      const weights = keyOf.map((other, t) => Math.exp(40 * code.reduce((total, z, i) => total + z * codes[other * d + i]!, 0) + t)); // prettier-ignore
      const attended = Array.from({ length: values_ }, (_, i) => weights.reduce((total, weight, t) => total + (valueOf[t] === i ? weight : 0), 0)); // prettier-ignore
      right.asked++;
      right.plain += Number(best(readOut(plain!)) === valueOf[last]);
      right.delta += Number(best(readOut(delta!)) === valueOf[last]);
      right.softmax += Number(best(attended) === valueOf[last]);
    }
  }
  const share = (count: number): number => count / right.asked;
  expect(share(right.softmax)).toBeGreaterThan(0.95);
  expect(share(right.delta)).toBeGreaterThan(share(right.plain) + 0.1);
});
