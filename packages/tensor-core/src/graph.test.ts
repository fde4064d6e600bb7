import { describe, expect, test } from 'vitest';
import { CpuDevice } from './cpu/cpu-device.ts';
import { attributesKey, expand, graphKey, graphOf, replay, trace } from './graph.ts';
import { values } from './nested.reference.ts';
import type { Op, TensorType } from './op.ts';
import { add, div, exp, maximum, mul, neg } from './primitives/elementwise.ts';
import { pad } from './primitives/view.ts';
import { scan } from './primitives/scan.ts';
import { sum } from './primitives/reduce.ts';
import { apply, apply1, placeholder, tensor } from './tensor.ts';
import type { Tensor } from './tensor.ts';

const vector: TensorType = { shape: [3], dtype: 'f32' };

describe('a graph', () => {
  test('records equal nodes and equal scalars once', () => {
    const graph = trace(
      (x, y) => {
        const once = () => mul(add(x!, y!), 2);
        return [add(once(), once()), once()];
      },
      [vector, vector],
    );
    expect(graph.nodes.map(({ op }) => op.id.split(':')[1])).toEqual(['binary', 'binary', 'binary']);
    expect(graph.constants.length).toBe(1);
    expect(graph.outputs).toEqual([5, 4]);
    expect(graph.types.length).toBe(6);
  });

  test('tells 0 from −0, infinities and NaN from each other, and types and shapes of scalars', async () => {
    const x = tensor([1]);
    const graph = graphOf([div(x, 0), div(x, -0), pad(x, 0, 0, 1, Infinity), pad(x, 0, 0, 1, -Infinity)], []);
    expect(graph.nodes.length).toBe(4);
    expect(await values(maximum(div(x, -0), -5))).toEqual([-5]);
    expect(await values(add(div(x, 0), div(x, -0)))).toEqual([Number.NaN]);
    const scalars = graphOf([tensor(1), tensor([1]), tensor(1, { dtype: 'i32' }), tensor(1)], []);
    expect(scalars.constants.length).toBe(3);
    expect(scalars.outputs).toEqual([0, 1, 2, 0]);
  });

  test('keeps order: each node comes after what it reads', () => {
    const graph = trace(
      (x) => {
        const layers = [x!];
        for (let i = 1; i < 30; i++) layers.push(add(layers[i - 1]!, layers[i >> 1]!));
        return [layers.at(-1)!, layers[7]!];
      },
      [vector],
    );
    const known = new Set([0]);
    for (const node of graph.nodes) {
      expect(node.inputs.every((index) => known.has(index))).toBe(true);
      for (const index of node.outputs) known.add(index);
    }
  });

  test('20 000 nodes deep does not overflow the stack', async () => {
    const device = new CpuDevice({ definitionsOnly: true });
    const graph = trace(
      (x) => {
        let y = x!;
        for (let i = 0; i < 20_000; i++) y = apply1(plusOneOp, [y], {});
        return [y];
      },
      [vector],
    );
    expect(graph.nodes.length).toBe(20_000);
    const [made] = (await device.compile(graph)).run([tensor([0, 1, 2])]);
    expect(await values(made!)).toEqual([20_000, 20_001, 20_002]);
    let deep = tensor(0);
    for (let i = 0; i < 20_000; i++) deep = add(deep, 1);
    const { carry } = scan({
      carry: tensor(0),
      sequences: {},
      length: 1,
      step: (s) => ({ carry: add(s, deep), output: {} }),
    });
    expect(await values(carry)).toEqual([20_000]);
  });

  test('inputs that are not used, and one tensor as two inputs, keep their types', async () => {
    const unused = trace((x) => [neg(x!)], [vector, { shape: [2], dtype: 'i32' }]);
    expect(unused.types.slice(0, 2)).toEqual([vector, { shape: [2], dtype: 'i32' }]);
    const x = placeholder(vector);
    const tied = graphOf([mul(x, 2)], [x, x]);
    expect(tied.types.slice(0, 2)).toEqual([vector, vector]);
    const [made] = (await new CpuDevice({ poison: true }).compile(tied)).run([tensor([1, 2, 3]), tensor([1, 2, 3])]);
    expect(await values(made!)).toEqual([2, 4, 6]);
  });

  test('an output may be an input, a constant, or another output', async () => {
    const graph = trace((x) => [x!, tensor([7]), x!, neg(x!), tensor([7])], [vector]);
    const made = (await new CpuDevice({ poison: true }).compile(graph)).run([tensor([1, 2, 3])]);
    const read: number[][] = [];
    for (const output of made) read.push(await values(output));
    expect(read).toEqual([[1, 2, 3], [7], [1, 2, 3], [-1, -2, -3], [7]]);
  });

  test('is recorded again by replay', async () => {
    const graph = trace((x) => [exp(neg(x!)), mul(x!, tensor([2, 2, 2]))], [vector]);
    const [, doubled] = replay(graph, [tensor([1, 2, 3])]);
    expect(await values(doubled!)).toEqual([2, 4, 6]);
  });

  test('refuses inputs of another trace', () => {
    const foreign = placeholder({ shape: [2], dtype: 'f32' });
    expect(() => trace((x) => [add(x!, foreign)], [{ shape: [2], dtype: 'f32' }])).toThrow(
      'A tensor of shape [2] belongs to another trace. Pass it to this function as an argument instead of keeping it from an earlier call.',
    );
  });

  test('refuses tensors that were disposed', () => {
    const x = tensor([1, 2]);
    const y = add(x, 1);
    x.dispose();
    expect(() => graphOf([y], [])).toThrow('A tensor of shape [2] was disposed before its last use.');
    expect(() => add(x, 1)).toThrow(
      '@tessera/tensor-core:binary: an input of shape [2] was disposed. Keep it until its last use.',
    );
  });
});

describe('keys', () => {
  test('graphs of equal structure have equal keys, others not', () => {
    const build = (factor: number, shape = [3]) => trace((x) => [sum(mul(x!, factor))], [{ shape, dtype: 'f32' }]);
    expect(graphKey(build(2))).toBe(graphKey(build(2)));
    expect(graphKey(build(2))).not.toBe(graphKey(build(3)));
    expect(graphKey(build(0))).not.toBe(graphKey(build(-0)));
    expect(graphKey(build(2))).not.toBe(graphKey(build(2, [4])));
  });

  test('longer constants count by identity', () => {
    const weights = tensor([1, 2, 3]);
    const build = (w: Tensor) => trace((x) => [mul(x!, w)], [vector]);
    expect(graphKey(build(weights))).toBe(graphKey(build(weights)));
    expect(graphKey(build(weights))).not.toBe(graphKey(build(tensor([1, 2, 3]))));
  });

  test('bodies of loops count by structure', () => {
    const build = (rate: number) =>
      trace(
        (x) => [
          scan({ carry: tensor(0), sequences: x!, step: (s, e) => ({ carry: add(mul(s, rate), e), output: {} }) })
            .carry,
        ],
        [vector],
      );
    expect(graphKey(build(2))).toBe(graphKey(build(2)));
    expect(graphKey(build(2))).not.toBe(graphKey(build(3)));
  });

  test('attributes that JSON would confuse differ', () => {
    const keys = [0, -0, Infinity, -Infinity, Number.NaN, null].map((value) => attributesKey({ value }));
    expect(new Set(keys).size).toBe(keys.length);
  });
});

const plusOneOp: Op<Record<never, never>> = {
  id: 'test:plus-one',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  definition: ([x]) => [add(x!, 1)],
};

const plusTwoOp: Op<Record<never, never>> = {
  id: 'test:plus-two',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  definition: ([x]) => [apply1(plusOneOp, [apply1(plusOneOp, [x!], {})], {})],
};

describe('expand', () => {
  test('replaces ops by their definitions until the device knows them all', () => {
    const graph = trace((x) => [apply1(plusTwoOp, [x!], {})], [vector]);
    const primitives = expand(graph, (op) => !op.definition);
    expect(primitives.nodes.map(({ op }) => op.id)).toEqual(Array(2).fill('@tessera/tensor-core:binary'));
    const halfway = expand(graph, (op) => op.id !== plusTwoOp.id);
    expect(halfway.nodes.map(({ op }) => op.id)).toEqual(['test:plus-one', 'test:plus-one']);
    expect(expand(graph, () => true)).toBe(graph);
  });

  test('names the op that a device does not know and that has no definition', () => {
    const op: Op<Record<never, never>> = { id: 'test:nothing', infer: ([x]) => [x!] };
    expect(() =>
      expand(
        trace((x) => apply(op, [x!], {}), [vector]),
        () => false,
      ),
    ).toThrow(
      'test:nothing has no definition and this device does not know it. Give the op a definition from simpler ops.',
    );
  });

  test('names the op whose definition does not keep to its shape rule', () => {
    const op: Op<Record<never, never>> = {
      id: 'test:wrong',
      infer: ([x]) => [{ shape: x!.shape, dtype: 'f32' }],
      definition: ([x]) => [sum(x!)],
    };
    expect(() =>
      expand(
        trace((x) => apply(op, [x!], {}), [vector]),
        ({ definition }) => !definition,
      ),
    ).toThrow('test:wrong: its definition makes f32[], its shape rule says f32[3]. Make them agree.');
  });
});
