import { validate } from '@tessera/plugin';
import { fromHost, zeros } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { groupedCrossAttention } from './grouped-cross-attention.ts';
import { Layer, normals } from './grouped-layer.test-support.ts';
import { groupedLinearEncoder } from './grouped-linear-encoder.ts';

const [D, H, d, w, L] = [6, 2, 3, 4, 5];

type Rows = number[][];

function rowsOf(values: ArrayLike<number>, width: number): Rows {
  return Array.from({ length: values.length / width }, (_, t) => Array.from({ length: width }, (__, i) => values[t * width + i]!)); // prettier-ignore
}

const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, z, i) => total + z * b[i]!, 0);
const unit = (z: readonly number[]): number[] => z.map((value) => value / Math.sqrt(dot(z, z) + 1e-6));

/** o_t = Σ_{γ(s) = γ(t)} relu(q_t·k_s)² v_s + q_t Σ_s k_sᵀ v_s (+ conv_t), mapped. */
async function written(layer: Layer, x: Float64Array, memory: Float64Array, convolved: boolean): Promise<number[]> {
  const W = async (name: string): Promise<Rows> =>
    rowsOf(await layer.read(layer.params[name]!), layer.params[name]!.shape[1]!);
  const mapped = (rows: Rows, weight: Rows): Rows => rows.map((row) => weight.map((line) => dot(line, row)));
  const head = (row: number[], h: number): number[] => row.slice(h * d, (h + 1) * d);
  const [q, k, v] = [
    mapped(rowsOf(x, D), await W('q_proj')),
    mapped(rowsOf(memory, D), await W('k_proj')),
    mapped(rowsOf(memory, D), await W('v_proj')),
  ];
  const omega = convolved ? await W('conv') : [];
  const o = q.map((q_t, t) =>
    Array.from({ length: H }, (_, h) => {
      const sum = Array.from({ length: d }, () => 0);
      const take = (weight: number, value: number[]): void => value.forEach((z, i) => (sum[i] = sum[i]! + weight * z));
      k.forEach((k_s, s) => {
        const likeness = dot(unit(head(q_t, h)), unit(head(k_s, h)));
        const same = Math.floor(s / w) === Math.floor(t / w);
        take((same ? Math.max(likeness, 0) ** 2 : 0) + likeness, head(v[s]!, h));
      });
      for (let j = 0; j < (omega[h]?.length ?? 0); j++) {
        const from = v[t + j - Math.floor(L / 2)];
        if (from) take(omega[h]![j]!, head(from, h));
      }
      return sum;
    }).flat(),
  );
  return mapped(o, await W('o_proj')).flat();
}

function largest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a.length).toBe(b.length);
  return Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

test.each([1, 3, 4, 5, 13])('an encoder of %i tokens gives what the sums say, ahead and back', async (T) => {
  const layer = await Layer.draw(groupedLinearEncoder, { heads: H, group: w, convolution: L }, D);
  const x = await normals(3, [T * D]);
  expect(largest(await layer.forward(x), await written(layer, x, x, true))).toBeLessThan(1e-10);
});

test('attention to a context gives what the sums say, and step by step the same', async () => {
  const layer = await Layer.draw(groupedCrossAttention, { heads: H, group: w }, D);
  const [x, context] = [await normals(4, [6 * D]), await normals(5, [10 * D])];
  const { mixer, config, params } = layer;
  const memory = fromHost(context, [1, 10, D]);
  const call = (from: number, to: number): object => ({
    params,
    config,
    context: memory,
    x: fromHost(x.slice(from * D, to * D), [1, to - from, D]),
    positions: fromHost(Int32Array.from({ length: to - from }, (_, i) => from + i), [1, to - from]), // prettier-ignore
    starts: zeros([1], 'i32'),
    lengths: fromHost(Int32Array.of(to - from), [1]),
  });
  const expected = await written(layer, x, context, false);
  expect(largest(await layer.read(mixer.forward(call(0, 6) as never).y), expected)).toBeLessThan(1e-10);
  const site = { config, dModel: D, layer: 0, layers: 1, batch: 1, capacity: 6, chunk: 2 };
  let state = mixer.decoding!.init({ ...site, params, context: memory });
  for (let t = 0; t < 6; t += 2) {
    const made = mixer.decoding!.step({ ...call(t, t + 2), state } as never);
    expect(largest(await layer.read(made.y), expected.slice(t * D, (t + 2) * D))).toBeLessThan(1e-10);
    state = made.state;
  }
});

test('an encoder without a middle tap and a query with a value of its own are refused', () => {
  expect(() => validate(groupedLinearEncoder.config, { heads: 2, convolution: 4 }, 'config')).toThrow(
    'config.convolution is 4, expected an odd number of taps, as many ahead as back; set 5.',
  );
  expect(() => validate(groupedCrossAttention.config, { heads: 2, castling: true }, 'config')).toThrow(
    'config.castling is true, and a query has no value of its own in the context; leave it out.',
  );
  const call = { params: {}, config: validate(groupedCrossAttention.config, { heads: 2 }, 'config'), x: zeros([1, 1, 4]) }; // prettier-ignore
  expect(() => groupedCrossAttention.forward(call as never)).toThrow('attends to a context, and the call has none');
});
