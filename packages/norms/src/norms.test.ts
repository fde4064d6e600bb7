import type { AnyNorm, ParamSpec } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import { CpuDevice, fromHost, grad, randomKey, randomNormal, read, sum, tensor } from '@tessera/tensor-core';
import type { Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { layer } from './layer-norm.ts';
import { rms } from './rms-norm.ts';
import { scale } from './scale-norm.ts';

const device = new CpuDevice({ precision: 'f64' });

async function normals(seed: number, size: number): Promise<number[]> {
  return Array.from(await read(randomNormal(randomKey(seed), [size]), device));
}

/** Rows of width D through a norm, and the weights that it was given. */
async function normed(
  norm: AnyNorm,
  given: object,
  rows: number,
  D: number,
): Promise<{ x: number[][]; y: number[][]; params: Record<string, number[]> }> {
  const config = validate<object>(norm.config, given, 'config');
  const specs = norm.params({ config, dModel: D, layer: 0, layers: 1 }) as Record<string, ParamSpec>;
  const params: Record<string, number[]> = {};
  for (const [index, [name, { shape }]] of Object.entries(specs).entries())
    params[name] = await normals(index + 1, shape[0]!);
  const x = await normals(0, rows * D);
  const y = norm.forward({
    params: Object.fromEntries(
      Object.entries(params).map(([name, values]) => [name, fromHost(Float64Array.from(values), [values.length])]),
    ),
    config,
    x: fromHost(Float64Array.from(x), [1, rows, D]),
  });
  expect(y.shape).toEqual([1, rows, D]);
  const byRow = (values: ArrayLike<number>): number[][] =>
    Array.from({ length: rows }, (_, row) => Array.from({ length: D }, (__, i) => values[row * D + i]!));
  return { x: byRow(x), y: byRow(await read(y, device)), params };
}

function expectClose(actual: readonly number[][], expected: readonly number[][]): void {
  actual.forEach((row, index) => row.forEach((value, i) => expect(value).toBeCloseTo(expected[index]![i]!, 10)));
}

const mean = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0) / values.length;

test.each([
  [{}, 1e-6, 0, 1],
  [{ eps: 0.5 }, 0.5, 0, 7],
  [{ offset: 1, eps: 1e-3 }, 1e-3, 1, 65],
])('rms with %o divides by the root of the mean square', async (config, eps, offset, D) => {
  const { x, y, params } = await normed(rms, config, 3, D);
  const expected = x.map((row) => {
    const scale = Math.sqrt(mean(row.map((value) => value * value)) + eps);
    return row.map((value, i) => (value / scale) * (offset + params['weight']![i]!));
  });
  expect(Object.keys(params)).toEqual(['weight']);
  expectClose(y, expected);
});

test.each([
  [{}, 1e-5, 7],
  [{ eps: 0.5, bias: false }, 0.5, 65],
])('layer with %o takes the mean away and divides by the deviation', async (config, eps, D) => {
  const { x, y, params } = await normed(layer, config, 3, D);
  const expected = x.map((row) => {
    const centre = mean(row);
    const scale = Math.sqrt(mean(row.map((value) => (value - centre) ** 2)) + eps);
    return row.map((value, i) => ((value - centre) / scale) * params['weight']![i]! + (params['bias']?.[i] ?? 0));
  });
  expectClose(y, expected);
  expect(Object.keys(params)).toEqual('bias' in config ? ['weight'] : ['weight', 'bias']);
});

test.each([
  [{}, 1e-5, 7],
  [{ eps: 2 }, 2, 65],
])('scale with %o divides by the root of the mean square, at least by eps', async (config, eps, D) => {
  const { x, y, params } = await normed(scale, config, 3, D);
  const expected = x.map((row) => {
    const length = Math.max(Math.sqrt(mean(row.map((value) => value * value))), eps);
    return row.map((value) => (value / length) * params['weight']![0]!);
  });
  expectClose(y, expected);
});

test('scale leaves zeros as they are, and lets a gradient through', async () => {
  const config = validate(scale.config, {}, 'config');
  const of = (x: Tensor): Tensor => sum(scale.forward({ params: { weight: tensor([2]) }, config, x }));
  const zero = tensor([[0, 0]]);
  expect([...(await read(of(zero)))]).toEqual([0]);
  expect((await read(grad(of)(zero))).every(Number.isFinite)).toBe(true);
});

test.each([
  [rms, {}, 1],
  [rms, { offset: 1 }, 0],
  [layer, {}, 1],
])('a new norm leaves the scale alone', (norm: AnyNorm, given, value) => {
  const config = validate<object>(norm.config, given, 'config');
  const { weight } = norm.params({ config, dModel: 4, layer: 0, layers: 1 }) as Record<string, ParamSpec>;
  expect(weight).toEqual({ shape: [4], init: { kind: 'constant', value } });
});

test('a setting that is not known is refused by its path', () => {
  expect(() => validate(rms.config, { epsilon: 1e-6 }, 'spec.finalNorm.config')).toThrow(
    'spec.finalNorm.config.epsilon is not known; known are eps, offset.',
  );
  expect(() => validate(layer.config, { eps: -1 }, 'spec.finalNorm.config')).toThrow(
    'spec.finalNorm.config.eps is -1, expected a number from 0.',
  );
});
