import { requestWebGpu } from '@tessera/kernels-webgpu';
import { validate } from '@tessera/plugin';
import type { ParamSpec } from '@tessera/plugin';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice, gradOf, read, square, sum, tensor, trace } from '@tessera/tensor-core';
import type { Device, HostArray, Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { draw } from './draws.test-support.ts';
import { mixture } from './mixture.ts';
import type { MixtureConfig, MixtureParams } from './mixture.ts';

const exact = new CpuDevice({ precision: 'f64' });
const gpu = await requestWebGpu({ gpu: await softwareGpu() });
const D = 8;

/** Outputs, the loss of balance, and the gradients of all tensors, of a program with the weights as its inputs. */
async function run(given: MixtureConfig, rows: number, device: Device): Promise<HostArray[]> {
  const config = validate(mixture.config, given, 'config');
  const specs = Object.entries(mixture.params({ config, dModel: D, layer: 0, layers: 1 })) as [string, ParamSpec][];
  const shapes = [[1, rows, D], ...specs.map(([, { shape }]) => [...shape])];
  const inputs = await Promise.all(
    shapes.map(async (shape, seed) =>
      device.upload(Float32Array.from(await read(tensor(draw(shape, seed + 1)), exact)), { shape, dtype: 'f32' }),
    ),
  );
  const graph = trace((x: Tensor, ...weights: Tensor[]) => {
    const params = Object.fromEntries(weights.map((weight, i) => [specs[i]![0], weight])) as unknown as MixtureParams;
    const { y, aux } = mixture.forward({ params, config, x, training: true });
    return [y, aux!, ...gradOf(sum(square(y)), [x, ...weights])];
  }, inputs);
  const outputs = (await device.compile(graph)).run(inputs);
  return Promise.all(outputs.map((output) => device.read(output)));
}

// One token as in decoding, and more pairs than go one by one.
test.each([1, 33])(
  '%i tokens through groups of experts and a gated shared one: WebGPU gives what the equations give',
  async (rows) => {
    const given: MixtureConfig = {
      experts: 6,
      expertsPerToken: 2,
      hidden: 4,
      router: {
        scores: 'sigmoid',
        selectionBias: true,
        groups: { count: 3, chosen: 2, by: 'best-two' },
        normalize: true,
        scale: 1.5,
      },
      shared: { hidden: 4, gate: true },
      balance: 0.1,
    };
    const [expected, actual] = [await run(given, rows, exact), await run(given, rows, gpu!)];
    for (const [index, values] of expected.entries()) {
      const largest = Math.max(1, ...values.map(Math.abs));
      expect(actual[index]).toHaveLength(values.length);
      values.forEach((value, i) => expect(Math.abs(actual[index]![i]! - value)).toBeLessThan(2e-5 * largest));
    }
  },
);
