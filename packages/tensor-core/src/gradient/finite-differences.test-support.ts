import { expect } from 'vitest';
import { CpuDevice } from '../cpu/cpu-device.ts';
import { trace } from '../graph.ts';
import { add, mul } from '../primitives/elementwise.ts';
import { sum } from '../primitives/reduce.ts';
import { sizeOf } from '../shape.ts';
import { fromHost } from '../tensor.ts';
import type { Tensor } from '../tensor.ts';
import { pullBack } from './gradient.ts';
import { isFloat } from './cotangents.ts';

/** Numbers in (−1, 1) in double precision, the same at every run. */
export function draws(shape: readonly number[], seed = 1): Tensor {
  let state = seed * 7919 + 17;
  const values = Float64Array.from({ length: sizeOf(shape) }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 1_073_741_824 - 1;
  });
  return fromHost(values, shape);
}

/**
 * Compares the gradient of a weighted sum of all outputs with central differences, in double precision.
 * @param inputs - host tensors; integers are constants
 */
export async function expectGradient(
  build: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  {
    definitionsOnly = true,
    step = 1e-5,
    tolerance = 1e-7,
  }: { definitionsOnly?: boolean; step?: number; tolerance?: number } = {},
): Promise<void> {
  const device = new CpuDevice({ precision: 'f64', definitionsOnly });
  const loss = (values: readonly Tensor[]): Tensor =>
    build(...values)
      .filter(isFloat)
      .map((output, index) => sum(mul(output, draws(output.shape, 31 + index))))
      .reduce((total, each) => add(total, each));
  const value = await device.compile(trace((...x) => [loss(x)], inputs));
  const floats = inputs.flatMap((input, index) => (isFloat(input) ? [index] : []));
  const gradient = await device.compile(
    trace((...x) => {
      const made = pullBack(
        [loss(x)],
        [fromHost(Float64Array.of(1), [])],
        floats.map((i) => x[i]!),
      );
      return made.map((each, i) => each ?? mul(x[floats[i]!]!, 0));
    }, inputs),
  );
  const gradients = gradient.run(inputs);
  const at = async (values: readonly Tensor[]): Promise<number> => (await device.read(value.run(values)[0]!))[0]!;
  for (const [position, index] of floats.entries()) {
    const got = await device.read(gradients[position]!);
    const { data } = inputs[index]!.source as { data: Float64Array };
    expect(got).toHaveLength(data.length);
    for (let i = 0; i < data.length; i++) {
      const moved = (by: number): Promise<number> => {
        const values = Float64Array.from(data);
        values[i]! += by;
        return at(inputs.with(index, fromHost(values, inputs[index]!.shape)));
      };
      const expected = ((await moved(step)) - (await moved(-step))) / (2 * step);
      if (!(Math.abs(expected - got[i]!) <= tolerance * Math.max(1, Math.abs(expected))))
        expect({ input: index, at: i, gradient: got[i] }).toEqual({ input: index, at: i, gradient: expected });
    }
  }
}
