import { activations } from '@tessera/ops';
import type { ActivationName } from '@tessera/ops';
import type { AnyFeedForward, ParamSpec } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import { CpuDevice, fromHost, randomKey, randomNormal, read } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { dense } from './dense.ts';
import { gated } from './gated.ts';

const device = new CpuDevice({ precision: 'f64' });
const D = 5;
const F = 7;

async function normals(seed: number, size: number): Promise<number[]> {
  return Array.from(await read(randomNormal(randomKey(seed), [size]), device));
}

/** Three rows of width D through a feed-forward, and the weights that it was given. */
async function run(
  part: AnyFeedForward,
  given: object,
): Promise<{ x: number[][]; y: number[][]; params: Record<string, number[]> }> {
  const config = validate<object>(part.config, given, 'config');
  const specs = Object.entries(part.params({ config, dModel: D, layer: 0, layers: 1 }) as Record<string, ParamSpec>);
  const params: Record<string, number[]> = {};
  for (const [index, [name, { shape }]] of specs.entries())
    params[name] = await normals(
      index + 1,
      shape.reduce((a, b) => a * b, 1),
    );
  const x = await normals(0, 3 * D);
  const { y, aux } = part.forward({
    params: Object.fromEntries(
      specs.map(([name, { shape }]) => [name, fromHost(Float64Array.from(params[name]!), shape)]),
    ),
    config,
    x: fromHost(Float64Array.from(x), [1, 3, D]),
  });
  expect(aux).toBeUndefined();
  expect(y.shape).toEqual([1, 3, D]);
  const byRow = (values: ArrayLike<number>): number[][] =>
    [0, 1, 2].map((row) => Array.from({ length: D }, (_, i) => values[row * D + i]!));
  return { x: byRow(x), y: byRow(await read(y, device)), params };
}

/** W x + b by loops, W `[out, in]`. */
function affine(W: readonly number[], x: readonly number[], b: readonly number[] | undefined): number[] {
  return Array.from({ length: W.length / x.length }, (_, o) =>
    x.reduce((total, value, i) => total + W[o * x.length + i]! * value, b?.[o] ?? 0),
  );
}

async function activate(name: ActivationName, values: readonly number[]): Promise<number[]> {
  return Array.from(await read(activations[name](fromHost(Float64Array.from(values), [values.length])), device));
}

test.each<[ActivationName, object]>([
  ['silu', {}],
  ['gelu-tanh', { activation: 'gelu-tanh' }],
  ['relu', { activation: 'relu', bias: true }],
])('gated with %s multiplies an activated map by another', async (name, settings) => {
  const { x, y, params: p } = await run(gated, { hidden: F, ...settings });
  expect(Object.keys(p)).toHaveLength('bias' in settings ? 6 : 3);
  for (const [row, values] of x.entries()) {
    const gate = await activate(name, affine(p['gate_proj']!, values, p['gate_bias']));
    const up = affine(p['up_proj']!, values, p['up_bias']);
    const expected = affine(
      p['down_proj']!,
      gate.map((value, i) => value * up[i]!),
      p['down_bias'],
    );
    expected.forEach((value, i) => expect(y[row]![i]).toBeCloseTo(value, 10));
  }
});

test.each<[ActivationName, object]>([
  ['gelu', {}],
  ['relu2', { activation: 'relu2', bias: false }],
])('dense with %s activates between two maps', async (name, settings) => {
  const { x, y, params: p } = await run(dense, { hidden: F, ...settings });
  expect(Object.keys(p)).toHaveLength('bias' in settings ? 2 : 4);
  for (const [row, values] of x.entries()) {
    const inner = await activate(name, affine(p['up_proj']!, values, p['up_bias']));
    const expected = affine(p['down_proj']!, inner, p['down_bias']);
    expected.forEach((value, i) => expect(y[row]![i]).toBeCloseTo(value, 10));
  }
});

test('weights start with a deviation that keeps the scale, biases at zero', () => {
  const config = validate(dense.config, { hidden: F }, 'config');
  const { up_proj, down_proj, up_bias } = dense.params({ config, dModel: D, layer: 0, layers: 1 });
  expect(up_proj).toEqual({ shape: [F, D], init: { kind: 'normal', std: D ** -0.5 } });
  expect(down_proj).toEqual({ shape: [D, F], init: { kind: 'normal', std: F ** -0.5 } });
  expect(up_bias).toEqual({ shape: [F], init: { kind: 'constant', value: 0 } });
});

test('settings that do not fit are refused by their path', () => {
  expect(() => validate(gated.config, {}, 'spec.layers.0.feedForward.config')).toThrow(
    'spec.layers.0.feedForward.config.hidden is missing, expected a whole number from 1.',
  );
  expect(() => validate(dense.config, { hidden: 8, activation: 'swish' }, 'spec.layers.0.feedForward.config')).toThrow(
    /^spec\.layers\.0\.feedForward\.config\.activation is "swish", expected one of 'identity', 'relu', /,
  );
});
