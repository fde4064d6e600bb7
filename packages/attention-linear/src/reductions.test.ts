import type { MixerUse } from '@tessera/plugin';
import { concat, fromHost, reshape, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { deltaNet } from './delta-net/delta-net.ts';
import { gatedDeltaNet } from './gated-delta-net/gated-delta-net.ts';
import { gatedDeltaProduct } from './gated-delta-product/gated-delta-product.ts';
import { gatedLinearAttention } from './gated-linear-attention/gated-linear-attention.ts';
import { Layer, normals } from './grouped/grouped-layer.test-support.ts';
import { kernelAttention } from './kernel-attention/kernel-attention.ts';
import { kimiDeltaAttention } from './kimi-delta-attention/kimi-delta-attention.ts';
import { lightningAttention } from './lightning-attention/lightning-attention.ts';
import { retention } from './retention/retention.ts';
import { simpleGatedLinearAttention } from './simple-gated-linear-attention/simple-gated-linear-attention.ts';

const [D, H, K, V] = [6, 2, 4, 3];
const heads = { heads: H, keyDim: K, valueDim: V };
const keyHeads = { keyHeads: H, keyDim: K, valueDim: V };
type Params = Readonly<Record<string, Tensor>>;

const of = (use: MixerUse): Promise<Layer> => Layer.draw(use.mixer, use.config as object, D);
const filled = (shape: readonly number[], value: number): Tensor =>
  fromHost(new Float64Array(shape.reduce((size, extent) => size * extent, 1)).fill(value), shape);

/** Each row so many times, one after another. */
const repeated = (x: Tensor, times: number): Tensor => {
  const [rows, columns = 1] = x.shape as [number, number?];
  const each = reshape(x, [rows, 1, columns]);
  return reshape(concat(Array.from({ length: times }, () => each), 1), [rows * times, ...x.shape.slice(1)]); // prettier-ignore
};

/** By how much two layers differ, with weights in common, over texts on both sides of the switch to chunks. */
async function apart(
  a: Layer,
  b: Layer,
  own: { readonly a?: Params; readonly b?: Params },
  factor = 1,
): Promise<number> {
  let most = 0;
  for (const T of [1, 9, 21]) {
    const x = fromHost(await normals(70 + T, [T * D]), [1, T, D]);
    const [y, z] = await Promise.all([
      a.read(a.record(x, { ...a.params, ...own.a })),
      b.read(b.record(x, { ...b.params, ...own.b })),
    ]);
    expect(z.some((value) => Math.abs(value) > 1e-2)).toBe(true);
    most = y.reduce((worst, value, i) => Math.max(worst, Math.abs(value - factor * z[i]!)), most);
  }
  return most;
}

test('linear attention 12.3: KDA with equal channels is Gated DeltaNet', async () => {
  const net = await of(gatedDeltaNet({ ...keyHeads, outputGate: false }));
  const kda = await of(kimiDeltaAttention({ ...keyHeads, gateRank: D }));
  const unit = fromHost(Float64Array.from({ length: D * D }, (_, i) => (i % (D + 1) === 0 ? 1 : 0)), [D, D]); // prettier-ignore
  const { a_proj, dt_bias, ...shared } = net.params as Record<string, Tensor>;
  const own = { ...shared, f_a_proj: unit, f_b_proj: repeated(a_proj!, K), dt_bias: repeated(dt_bias!, K), g_b_proj: zeros([H * V, D]) }; // prettier-ignore
  // Its gate cannot be left out: σ(0) = ½.
  expect(await apart(kda, net, { a: own }, 0.5)).toBeLessThan(1e-12);
});

test('linear attention 12.3: Gated DeltaNet without decay is DeltaNet', async () => {
  const net = await of(deltaNet(heads));
  const gated = await of(gatedDeltaNet({ ...keyHeads, outputGate: false }));
  expect(await apart(gated, net, { a: { ...net.params, A_log: filled([H], -1e4) } })).toBeLessThan(1e-12);
});

test('linear attention 12.3: Gated DeltaProduct of one step is Gated DeltaNet, and without decay DeltaNet', async () => {
  const one = { ...keyHeads, householders: 1, negativeEigenvalues: false };
  const net = await of(gatedDeltaNet(keyHeads));
  expect(await apart(await of(gatedDeltaProduct(one)), net, { a: net.params })).toBeLessThan(1e-12);
  const plain = await of(deltaNet(heads));
  const product = await of(gatedDeltaProduct({ ...one, forgetGate: false, outputGate: false }));
  expect(await apart(product, plain, { a: plain.params })).toBeLessThan(1e-12);
});

const plain = kernelAttention({ ...heads, featureMap: 'identity', normalize: false, outputNorm: 'rms' });

test('linear attention 12.3: gates of 1 leave linear attention without a denominator', async () => {
  const linear = await of(plain);
  const simple = await of(simpleGatedLinearAttention({ ...heads, outputGate: false }));
  const open = { gk_proj: zeros([H, D]), gk_bias: filled([H], 1e4) };
  expect(await apart(simple, linear, { a: { ...linear.params, ...open } })).toBeLessThan(1e-12);
  const gated = await of(gatedLinearAttention({ ...heads, outputGate: false }));
  const opened = { gk_b_proj: zeros([H * K, 16]), gk_bias: filled([H * K], 1e4) };
  expect(await apart(gated, linear, { a: { ...linear.params, ...opened } })).toBeLessThan(1e-12);
});

test('linear attention 12.3: GLA with equal channels is simple GLA', async () => {
  const simple = await of(simpleGatedLinearAttention(heads));
  const gated = await of(gatedLinearAttention({ ...heads, gateRank: D }));
  const unit = fromHost(Float64Array.from({ length: D * D }, (_, i) => (i % (D + 1) === 0 ? 1 : 0)), [D, D]); // prettier-ignore
  const { gk_proj, gk_bias, ...shared } = simple.params as Record<string, Tensor>;
  const own = { ...shared, gk_a_proj: unit, gk_b_proj: repeated(gk_proj!, K), gk_bias: repeated(gk_bias!, K) };
  expect(await apart(gated, simple, { a: own })).toBeLessThan(1e-12);
});

test('linear attention 12.3: simple GLA with a fixed gate is Lightning attention of one head', async () => {
  const single = { heads: 1, keyDim: K, valueDim: V, normEps: 1e-30 };
  const gamma = 0.75;
  const simple = await of(simpleGatedLinearAttention({ ...single, gateActivation: 'sigmoid' }));
  const lightning = await of(lightningAttention({ ...single, slopes: [-Math.log(gamma)], activation: 'identity' }));
  // γ = σ(b)^{1/16}; the factor 1 / √K is lost in the norm.
  const gate = { gk_proj: zeros([1, D]), gk_bias: filled([1], -Math.log(gamma ** -16 - 1)) };
  expect(await apart(simple, lightning, { a: { ...lightning.params, ...gate } })).toBeLessThan(1e-12);
});

test('linear attention 12.3: retention at position 0 is its gate', async () => {
  const turned = await of(retention({ ...heads, outputGate: false }));
  const linear = await of(plain);
  const x = fromHost(await normals(91, [D]), [1, 1, D]);
  const [y, z] = await Promise.all([turned.read(turned.record(x)), linear.read(linear.record(x, turned.params))]);
  expect(Math.max(...y.map((value, i) => Math.abs(value - z[i]!)))).toBeLessThan(1e-12);
});
