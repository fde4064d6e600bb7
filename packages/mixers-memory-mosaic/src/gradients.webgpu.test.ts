import { requestWebGpu } from '@tessera/kernels-webgpu';
import type { MixerUse } from '@tessera/plugin';
import { softwareGpu } from '@tessera/software-gpu';
import { CpuDevice, cast, fromHost, grad, mul, read, sum, trace } from '@tessera/tensor-core';
import type { Device, Tensor } from '@tessera/tensor-core';
import { expect, test } from 'vitest';
import { contextualMemory } from './contextual/contextual-memory.ts';
import { Layer, drawn, drawnParams } from './layer.test-support.ts';
import { persistentMemory } from './persistent/persistent-memory.ts';

const webgpu = await requestWebGpu({ gpu: await softwareGpu() });
const exact = new CpuDevice({ precision: 'f64' });
const [D, T] = [12, 21];

/** Gradients of a weighted sum of the outputs, of each learned tensor and of the input. */
async function gradients(use: MixerUse, device: Device): Promise<Map<string, ArrayLike<number>>> {
  const given = { ...drawnParams(use, D), x: drawn('x', [2, T, D]) };
  const names = Object.keys(given);
  const graph = trace(
    (...leaves) => {
      const tree = Object.fromEntries(names.map((name, index) => [name, leaves[index]!]));
      const made = grad(({ x, ...params }: Record<string, Tensor>) =>
        sum(mul(new Layer(use, D, params).forward(x!), cast(drawn('weights', [2, T, D]), 'f32'))),
      )(tree);
      return names.map((name) => made[name]!);
    },
    Object.values(given).map(({ shape }) => ({ shape, dtype: 'f32' as const })),
  );
  const program = await device.compile(graph);
  const inputs = Object.values(given).map(({ source, shape }) => {
    const data = (source as { data: Float64Array }).data;
    return device.upload(device === exact ? data : Float32Array.from(data), fromHost(data, shape));
  });
  const made = program.run(inputs);
  const values = await Promise.all(made.map((tensor) => read(tensor, device)));
  return new Map(names.map((name, index) => [name, values[index]!]));
}

test.each([
  ['contextual', contextualMemory({ heads: 3, bias: true, window: 9 })],
  ['persistent', persistentMemory({ heads: 3, slots: 8, stores: 2 })],
])('gradients of a %s memory on WebGPU are those of double precision', async (_, use) => {
  const [made, expected] = await Promise.all([gradients(use, webgpu!), gradients(use, exact)]);
  const errors = [...expected].map(([name, values]) => {
    const off = Array.from(values, (value, i) => Math.abs(value - made.get(name)![i]!));
    return [name, Math.max(...off) / Math.max(...Array.from(values, Math.abs))] as const;
  });
  expect(errors.filter(([, error]) => !(error < 2e-4))).toEqual([]);
});
