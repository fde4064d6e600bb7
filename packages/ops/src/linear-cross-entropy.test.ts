import type { Tensor } from '@tessera/tensor-core';
import { CpuDevice, fromHost, gradOf, mean, mul, read, sum, tanh, tensor, trace } from '@tessera/tensor-core';
import { describe, expect, test } from 'vitest';
import { linearCrossEntropy } from './linear-cross-entropy.ts';
import { linear } from './linear.ts';
import { crossEntropy } from './softmax.ts';

const draws = (shape: readonly number[], seed: number): Tensor => {
  let state = seed * 7919 + 17;
  const size = shape.reduce((product, extent) => product * extent, 1);
  const values = Float64Array.from({ length: size }, () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 1_073_741_824 - 1;
  });
  return fromHost(values, shape);
};

const [x, w, b] = [draws([2, 5, 4], 1), draws([7, 4], 2), draws([7], 3)];
const targets = tensor([[0, 6, 3, 2, 2], [1, 1, 5, 4, 0]], { dtype: 'i32' }); // prettier-ignore
const finish = (logits: Tensor): Tensor => mul(tanh(mul(logits, 0.5)), 2);

describe.each([1, 3, 4, 10, 64])('by chunks of %i', (chunk) => {
  test('losses and gradients are those of all logits at once', async () => {
    const device = new CpuDevice({ precision: 'f64' });
    const outputs = (lossOf: (x: Tensor, w: Tensor, b: Tensor) => Tensor): Tensor[] => {
      const graph = trace(
        (...inputs) => {
          const losses = lossOf(...(inputs as [Tensor, Tensor, Tensor]));
          return [losses, ...gradOf(mean(losses), inputs)];
        },
        [x, w, b],
      );
      return [...device.prepare(graph).run([x, w, b])];
    };
    const expected = outputs((h, weight, bias) => crossEntropy(finish(linear(h, weight, bias)), targets));
    const made = outputs((h, weight, bias) => linearCrossEntropy({ x: h, weight, bias, targets, finish, chunk }));
    for (const [index, each] of made.entries()) {
      expect(each.shape).toEqual(expected[index]!.shape);
      const want = await read(expected[index]!);
      (await read(each)).forEach((value, at) => expect(value).toBeCloseTo(want[at]!, 12));
    }
  });
});

test.each([1, 3, 4])('by chunks of %i no value is as large as all logits', (chunk) => {
  const graph = trace(
    (...inputs) => {
      const [h, weight, bias] = inputs as [Tensor, Tensor, Tensor];
      return gradOf(sum(linearCrossEntropy({ x: h, weight, bias, targets, chunk })), inputs);
    },
    [x, w, b],
  );
  const largest = Math.max(...graph.types.map(({ shape }) => shape.reduce((size, extent) => size * extent, 1)));
  expect(largest).toBeLessThan(10 * 7);
});
