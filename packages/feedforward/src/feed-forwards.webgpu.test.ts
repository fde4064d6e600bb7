import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { AnyFeedForward, ParamSpec } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice, randomKey, randomNormal, read, trace } from '@tessera/tensor-core';
import type { Device, HostArray, Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { dense } from './dense.ts';
import { gated } from './gated.ts';

const exact = new CpuDevice({ precision: 'f64' });
const gpu = await requestWebGpu({ gpu: await softwareGpu() });
const D = 5;
const F = 7;

/** Rows through a feed-forward, as a program with the weights as its inputs. */
async function run(part: AnyFeedForward, given: object, rows: number, device: Device): Promise<HostArray> {
  const config = validate<object>(part.config, given, 'config');
  const specs = Object.entries(part.params({ config, dModel: D, layer: 0, layers: 1 }) as Record<string, ParamSpec>);
  const shapes = [[1, rows, D], ...specs.map(([, { shape }]) => [...shape])];
  const inputs = await Promise.all(
    shapes.map(async (shape, seed) => {
      const drawn = Float32Array.from(await read(randomNormal(randomKey(seed), shape), exact));
      return device.upload(drawn, { shape, dtype: 'f32' });
    }),
  );
  const graph = trace((x: Tensor, ...weights: Tensor[]) => {
    const params = Object.fromEntries(weights.map((weight, index) => [specs[index]![0], weight]));
    return [part.forward({ params, config, x }).y];
  }, inputs);
  const [y] = (await device.compile(graph)).run(inputs);
  return device.read(y!);
}

const cases: readonly [string, AnyFeedForward, object][] = [
  ['gated with silu', gated, {}],
  ['gated with gelu-tanh', gated, { activation: 'gelu-tanh' }],
  ['gated with relu and biases', gated, { activation: 'relu', bias: true }],
  ['dense with gelu', dense, {}],
  ['dense with relu2, without biases', dense, { activation: 'relu2', bias: false }],
];

// One row as in decoding, and more than products by rows take.
test.each(cases.flatMap((each) => [1, 33].map((rows) => [...each, rows] as const)))(
  '%s gives on WebGPU what the equations give: %o',
  async (_, part, settings, rows) => {
    const given = { hidden: F, ...settings };
    const expected = await run(part, given, rows, exact);
    const actual = await run(part, given, rows, gpu!);
    expect(actual).toHaveLength(rows * D);
    // Sums and activations in single precision, of values up to some hundreds.
    actual.forEach((value, index) => expect(Math.abs(value - expected[index]!)).toBeLessThan(2e-3));
  },
);
