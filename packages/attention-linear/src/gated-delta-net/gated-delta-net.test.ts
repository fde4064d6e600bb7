import type { ParamSpec } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import { CpuDevice, fromHost, iota, randomKey, randomNormal, read, zeros } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { gatedDeltaNet } from './gated-delta-net.ts';
import type { GatedDeltaNetConfig, GatedDeltaNetParams } from './gated-delta-net.ts';
import { gatedDeltaNetReference } from './gated-delta-net.reference.ts';
import type { ReferenceParams } from './gated-delta-net.reference.ts';

const D = 5;
const site = { dModel: D, layer: 0, layers: 1 };
const device = new CpuDevice({ precision: 'f64' });

async function normals(seed: number, shape: readonly number[]): Promise<Float64Array> {
  return (await read(randomNormal(randomKey(seed), shape), device)) as Float64Array;
}

async function difference(given: GatedDeltaNetConfig, T: number): Promise<number> {
  const config = validate(gatedDeltaNet.config, given, 'config');
  const specs = Object.entries(gatedDeltaNet.params({ config, ...site })) as [string, ParamSpec][];
  const values = new Map<string, Float64Array>();
  for (const [index, [name, { shape }]] of specs.entries()) values.set(name, await normals(index + 1, shape));
  const params = Object.fromEntries(specs.map(([name, { shape }]) => [name, fromHost(values.get(name)!, shape)]));
  const x = await normals(0, [T, D]);
  const { y } = gatedDeltaNet.forward({
    params: params as unknown as GatedDeltaNetParams,
    config,
    x: fromHost(x, [1, T, D]),
    positions: iota([1, T], 1),
    starts: zeros([1], 'i32'),
    lengths: fromHost(Int32Array.of(T), [1]),
  });
  // The paper writes a convolution each; ours are the rows of one.
  const [keys, conv] = [config.keyHeads * config.keyDim * config.convolution, values.get('conv')!];
  const convolutions = { q_conv: conv.subarray(0, keys), k_conv: conv.subarray(keys, 2 * keys), v_conv: conv.subarray(2 * keys) }; // prettier-ignore
  const expected = gatedDeltaNetReference(
    Array.from({ length: T }, (_, t) => [...x.subarray(t * D, (t + 1) * D)]),
    { ...Object.fromEntries(values), ...convolutions } as ReferenceParams,
    {
      D,
      P: config.keyHeads,
      H: given.valueHeads ?? config.keyHeads,
      K: config.keyDim,
      V: config.valueDim,
      J: config.convolution,
    },
    { strongest: config.negativeEigenvalues ? 2 : 1, eps: config.normEps },
  ).flat();
  const actual = await read(y as Tensor, device);
  return Math.max(...expected.map((value, index) => Math.abs(value - actual[index]!)));
}

const small: GatedDeltaNetConfig = { keyHeads: 2, keyDim: 3, valueDim: 4 };

// 16 is the longest sequence that goes by recurrence; chunks have 64 entries.
test.each([1, 15, 16, 17, 63, 65, 130])('%i positions give what the equations of the paper give', async (T) => {
  expect(await difference(small, T)).toBeLessThan(1e-10);
});

test.each<[string, GatedDeltaNetConfig]>([
  ['value heads that share key heads', { ...small, valueHeads: 6 }],
  ['negative eigenvalues', { ...small, negativeEigenvalues: true }],
  ['a convolution of one tap', { ...small, convolution: 1 }],
  ['a convolution of two taps and another epsilon', { ...small, convolution: 2, normEps: 0.1 }],
])('%s give what the equations of the paper give', async (_, config) => {
  expect(await difference(config, 9)).toBeLessThan(1e-10);
  expect(await difference(config, 40)).toBeLessThan(1e-10);
});

test('value heads that do not share key heads evenly are refused', () => {
  expect(() => validate(gatedDeltaNet.config, { ...small, valueHeads: 3 }, 'layers.2.mixer.config')).toThrow(
    'layers.2.mixer.config.valueHeads is 3, expected a multiple of keyHeads = 2, since each of those is shared by as many; set 2 or 4.',
  );
});

test('decay starts as published: rates up to 16, steps between 0.001 and 0.1', () => {
  const config = validate(gatedDeltaNet.config, small, 'config');
  const { A_log, dt_bias } = gatedDeltaNet.params({ config, ...site });
  const drawn = (spec: ParamSpec): number[] =>
    spec.init.kind === 'custom' ? Array.from(spec.init.values(Float32Array.of(0, 0.5, 1 - 2 ** -24))) : [];
  const rates = drawn(A_log).map(Math.exp);
  const steps = drawn(dt_bias).map((bias) => Math.log1p(Math.exp(bias)));
  expect(rates[0]).toBeGreaterThan(0);
  expect(rates[1]).toBeCloseTo(8, 5);
  expect(rates[2]).toBeLessThan(16.001);
  expect(steps[0]).toBeCloseTo(0.001, 6);
  expect(steps[1]).toBeCloseTo(0.01, 5);
  expect(steps[2]).toBeCloseTo(0.1, 5);
});
