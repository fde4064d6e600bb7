import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { AnyNorm, ParamSpec } from '@tessera/plugin';
import { validate } from '@tessera/plugin';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice, randomKey, randomNormal, read, trace } from '@tessera/tensor-core';
import type { Device, HostArray, Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { layer } from './layer-norm.ts';
import { rms } from './rms-norm.ts';

const exact = new CpuDevice({ precision: 'f64' });
const gpu = await requestWebGpu({ gpu: await softwareGpu() });

/** Rows of width D through a norm, as a program with the weights as its inputs. */
async function normed(norm: AnyNorm, given: object, D: number, device: Device): Promise<HostArray> {
  const config = validate<object>(norm.config, given, 'config');
  const names = Object.keys(norm.params({ config, dModel: D, layer: 0, layers: 1 }) as Record<string, ParamSpec>);
  const shapes = [[1, 3, D], ...names.map(() => [D])];
  const inputs = await Promise.all(
    shapes.map(async (shape, seed) => {
      const drawn = Float32Array.from(await read(randomNormal(randomKey(seed), shape), exact));
      return device.upload(drawn, { shape, dtype: 'f32' });
    }),
  );
  const graph = trace((x: Tensor, ...weights: Tensor[]) => {
    const params = Object.fromEntries(weights.map((weight, index) => [names[index]!, weight]));
    return [norm.forward({ params, config, x })];
  }, inputs);
  const [y] = (await device.compile(graph)).run(inputs);
  return device.read(y!);
}

// A row longer than a workgroup is taken in turns.
test.each([
  ['rms', rms, {}, 1],
  ['rms', rms, { offset: 1, eps: 1e-3 }, 65],
  ['rms', rms, {}, 1500],
  ['layer', layer, {}, 7],
  ['layer', layer, { eps: 0.5, bias: false }, 65],
  ['layer', layer, {}, 1500],
])('%s %#: %o over a width of %i gives on WebGPU what the equations give', async (_, norm: AnyNorm, given, D) => {
  const expected = await normed(norm, given, D, exact);
  const actual = await normed(norm, given, D, gpu!);
  expect(actual).toHaveLength(3 * D);
  // Sums in single precision.
  actual.forEach((value, index) => expect(value).toBeCloseTo(expected[index]!, 4));
});
