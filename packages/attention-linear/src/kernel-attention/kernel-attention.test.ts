import type { ParamSpec } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import { CpuDevice, fromHost, iota, randomKey, randomNormal, read, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import type { KernelAttentionConfig, KernelAttentionParams } from './kernel-attention.ts';
import { kernelAttention } from './kernel-attention.ts';
import { orthogonalFeatures, positiveRandomFeatures } from './positive-random-features.ts';

const device = new CpuDevice({ precision: 'f64' });
const [D, K, V] = [5, 4, 3];

async function normals(seed: number, shape: readonly number[]): Promise<Float64Array> {
  return (await read(randomNormal(randomKey(seed), shape), device)) as Float64Array;
}

type Rows = readonly (readonly number[])[];
const rowsOf = (data: Float64Array, size: number): Rows =>
  Array.from({ length: data.length / size }, (_, i) => [...data.subarray(i * size, (i + 1) * size)]);
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((total, z, i) => total + z * b[i]!, 0);
/** x Wᵀ */
const times = (x: Rows, w: Rows): Rows => x.map((row) => w.map((column) => dot(row, column)));

/** What the mixer with one head gives, and what the whole matrix of weights w(q_t, k_s) / Σ_s w gives. */
async function compare(
  given: Partial<KernelAttentionConfig>,
  weight: (q: readonly number[], k: readonly number[]) => number,
  T = 21,
): Promise<number> {
  const config = validate(kernelAttention.config, { heads: 1, keyDim: K, valueDim: V, ...given }, 'config');
  const specs = Object.entries(kernelAttention.params({ config, dModel: D, layer: 0, layers: 1 })) as [string, ParamSpec][]; // prettier-ignore
  const values = new Map<string, Float64Array>();
  for (const [i, [name, { shape }]] of specs.entries()) values.set(name, await normals(i + 1, shape));
  const x = await normals(0, [T, D]);
  const { y } = kernelAttention.forward({
    params: Object.fromEntries(specs.map(([name, { shape }]) => [name, fromHost(values.get(name)!, shape)])) as unknown as KernelAttentionParams, // prettier-ignore
    config,
    x: fromHost(x, [1, T, D]),
    positions: iota([1, T], 1),
    starts: zeros([1], 'i32'),
    lengths: fromHost(Int32Array.of(T), [1]),
  });
  const project = (name: string): Rows => times(rowsOf(x, D), rowsOf(values.get(name)!, D));
  const [q, k, v] = [project('q_proj'), project('k_proj'), project('v_proj')];
  const o = q.map((q_t, t) => {
    const weights = k.slice(0, t + 1).map((k_s) => weight(q_t, k_s));
    const total = weights.reduce((a, b) => a + b);
    return Array.from({ length: V }, (_, j) => weights.reduce((sum, w, s) => sum + (w / total) * v[s]![j]!, 0));
  });
  const expected = times(o, rowsOf(values.get('o_proj')!, V)).flat();
  const actual = await read(y as Tensor, device);
  return Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)));
}

test('linear attention 12.2: elu + 1 is the explicit matrix of weights, each row over its sum', async () => {
  const phi = (x: readonly number[]): number[] => x.map((z) => (z > 0 ? z + 1 : Math.exp(z)));
  expect(await compare({ featureMap: 'elu' }, (q, k) => dot(phi(q), phi(k)))).toBeLessThan(1e-8);
});

test('linear attention 12.2: the weights of the Taylor map are 1 + s + s²/2 of s = q · k / √K', async () => {
  expect(
    await compare({ featureMap: 'taylor' }, (q, k) => {
      const s = dot(q, k) / Math.sqrt(K);
      return 1 + s + s ** 2 / 2;
    }),
  ).toBeLessThan(1e-8);
});

test('FAVOR+ gives exp(q · k / √K) on average over its rows, and more rows come closer', async () => {
  const [q, k] = [await normals(5, [1, 1, 1, K]), await normals(6, [1, 1, 1, K])];
  const exact = Math.exp(dot([...q], [...k]) / Math.sqrt(K));
  const errorOf = async (m: number): Promise<number> => {
    const init = orthogonalFeatures(m, K).init as { values(uniform: Float32Array): ArrayLike<number> };
    let state = 12_345;
    const uniform = Float32Array.from(
      { length: m * K },
      () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647,
    );
    const omega = fromHost(Float64Array.from(init.values(uniform)), [m, K]);
    const phi = async (x: Float64Array): Promise<number[]> => [
      ...(await read(positiveRandomFeatures(fromHost(x, [1, 1, 1, K]), omega, false), device)),
    ];
    return Math.abs(dot(await phi(q), await phi(k)) / exact - 1);
  };
  expect(await errorOf(8192)).toBeLessThan(0.05);
});

test('rows of random features are orthogonal in blocks of K', () => {
  const init = orthogonalFeatures(6, 4).init as { values(uniform: Float32Array): ArrayLike<number> };
  const rows = rowsOf(Float64Array.from(init.values(Float32Array.from({ length: 24 }, (_, i) => ((i * 37) % 101) / 101))), 4); // prettier-ignore
  for (const [a, b] of [[0, 1], [0, 3], [2, 3], [4, 5]] as const) expect(dot(rows[a]!, rows[b]!)).toBeCloseTo(0, 8); // prettier-ignore
  expect(Math.abs(dot(rows[0]!, rows[4]!))).toBeGreaterThan(1e-3);
});

test('a query of which no feature is above 0 gives zeros, not NaN', async () => {
  const config = validate(kernelAttention.config, { heads: 1, keyDim: 1, valueDim: 1, featureMap: 'relu' }, 'config');
  const one = fromHost(Float32Array.of(1), [1, 1]);
  const { y } = kernelAttention.forward({
    params: { q_proj: one, k_proj: one, v_proj: one, o_proj: one },
    config,
    x: fromHost(Float32Array.of(-1, 2, -3), [1, 3, 1]),
    positions: iota([1, 3], 1),
    starts: zeros([1], 'i32'),
    lengths: fromHost(Int32Array.of(3), [1]),
  });
  expect([...(await read(y as Tensor))]).toEqual([0, 2, 0]);
});

test.each(['product', 'dpfp', 'identity'])('%s under a denominator is refused by its path', (featureMap) => {
  const given = { heads: 1, keyDim: 2, valueDim: 2, featureMap };
  expect(() => validate(kernelAttention.config, given, 'layers.3.mixer.config')).toThrow(
    `layers.3.mixer.config.normalize is true, expected false for the feature map '${featureMap}', whose weights may be negative and add up to 0; set normalize: false with outputNorm: 'rms', or take one of elu, relu, relu2, favor, taylor, hedgehog, t2r.`,
  );
  expect(() => validate(kernelAttention.config, { ...given, normalize: false }, 'config')).not.toThrow();
});
