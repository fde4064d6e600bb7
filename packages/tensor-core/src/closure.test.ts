import { describe, expect, test } from 'vitest';
import { traceClosure } from './closure.ts';
import { CpuDevice } from './cpu/cpu-device.ts';
import { read } from './evaluate.ts';
import { replay } from './graph.ts';
import { values } from './nested.reference.ts';
import { add, exp, mul } from './primitives/elementwise.ts';
import { iota, sort } from './primitives/index-ops.ts';
import { matmul } from './primitives/matmul.ts';
import { permuteOp, transpose } from './primitives/view.ts';
import { placeholder, tensor } from './tensor.ts';

const scalar = { shape: [], dtype: 'f32' } as const;

describe('traceClosure', () => {
  test('makes what does not depend on the parameters an input, at the last moment', async () => {
    const outer = placeholder(scalar);
    const costly = exp(add(outer, 1));
    const { graph, captured } = traceClosure((x) => [mul(x!, costly), add(x!, outer)], [scalar]);
    expect(captured).toEqual([outer, costly]);
    expect(graph.inputs).toBe(3);
    expect(graph.nodes.length).toBe(2);
    const [product, sum] = replay(graph, [tensor(3), tensor(7), tensor(5)]);
    expect([await values(product!), await values(sum!)]).toEqual([[15], [10]]);
  });

  test('keeps host constants inside and captures what a device holds', async () => {
    const device = new CpuDevice();
    const resident = device.upload(Float32Array.of(1, 2), { shape: [2], dtype: 'f32' });
    const weights = tensor([3, 4]);
    const { graph, captured } = traceClosure((x) => [mul(add(x!, weights), resident)], [{ shape: [2], dtype: 'f32' }]);
    expect(graph.constants).toEqual([weights]);
    expect(captured).toEqual([resident]);
    expect([...(await read(captured[0]!))]).toEqual([1, 2]);
  });

  test('turns what a device holds inside, where that takes no copy', async () => {
    const device = new CpuDevice();
    const weight = device.upload(Float32Array.of(1, 2, 3, 4, 5, 6), { shape: [2, 3], dtype: 'f32' });
    const { graph, captured } = traceClosure(
      (x) => [matmul(x!, transpose(weight)), matmul(exp(x!), transpose(weight))],
      [{ shape: [1, 3], dtype: 'f32' }],
    );
    expect(captured).toEqual([weight]);
    expect(graph.nodes.filter(({ op }) => op.id === permuteOp.id)).toHaveLength(1);
    const [product] = replay(graph, [tensor([[1, 0, 2]]), weight]);
    expect([...(await read(product!))]).toEqual([7, 16]);
  });

  test('captures ops without inputs, once', () => {
    const { graph, captured } = traceClosure(
      (x) => {
        const positions = iota([4], 0, 'f32');
        return [mul(x!, positions), add(x!, positions)];
      },
      [scalar],
    );
    expect(captured.length).toBe(1);
    expect(graph.nodes.length).toBe(2);
  });

  test('a result may be a parameter, a captured value, or one of several outputs of an op', async () => {
    const outer = exp(tensor([1, 0]));
    const { graph, captured } = traceClosure((x) => [x!, outer, sort(x!).indices, x!], [{ shape: [2], dtype: 'f32' }]);
    expect(captured).toEqual([outer]);
    expect(graph.outputs.slice(0, 2)).toEqual([0, 1]);
    const made = replay(graph, [tensor([5, 4]), outer]);
    expect(await values(made[2]!)).toEqual([1, 0]);
    expect(await values(made[3]!)).toEqual([5, 4]);
  });

  test('what is read but does not reach a result is not captured', () => {
    const outer = exp(tensor([1, 0]));
    const { captured } = traceClosure(
      (x) => {
        mul(x!, outer);
        return [x!];
      },
      [scalar],
    );
    expect(captured).toEqual([]);
  });
});
